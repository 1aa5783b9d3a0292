"""To be told when a run ends: by the browser's notification; where it denies them, by any open page, once."""

import shutil
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from flask import Flask
from playwright.sync_api import Browser, Page, expect

from app.clock import utcnow
from app.extensions import transaction
from app.runs import Run

WHOLE = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
NOTE = """
window.Notification = class extends Notification {
  constructor(...told) {
    super(...told);
    this.addEventListener("show", () => { window.shown = [this.title, this.body]; });
    window.note = this;
  }
};
"""


@pytest.fixture
def page(app: Flask, chromium: Browser, address: str, signed_in: Any) -> Iterator[Page]:
    """A page in a whole Chromium, which may notify: the one without a screen denies that to every page."""
    path = next((found for name in WHOLE if (found := shutil.which(name))), None)
    if path is None:
        pytest.skip("no whole Chromium found")
    arguments = ["--headless=new", "--no-sandbox", "--disable-gpu"]
    browser = chromium.browser_type.launch(executable_path=path, args=arguments)
    context = browser.new_context(base_url=address, permissions=["notifications"], reduced_motion="reduce")
    session = signed_in("operator").get_cookie(app.config["SESSION_COOKIE_NAME"])
    context.add_cookies([{"name": session.key, "value": session.value, "url": address}])
    context.add_init_script(NOTE)
    yield context.new_page()
    browser.close()


def end(run_id: str) -> None:
    with transaction() as session:
        run = session.get_one(Run, run_id)
        run.state, run.ended_at = "SUCCESS", utcnow()


def test_the_browser_notifies_and_leads_to_the_run(
    app: Flask, page: Page, submit: Callable[..., str], ask: Callable[[Page, str], None]
) -> None:
    run_id = submit("weekday", day="2026-11-20")
    page.goto(f"/runs/{run_id}")
    page.get_by_role("button", name="Tell me when it ends").click()
    expect(page.get_by_role("button", name="You will be told")).to_be_visible()
    page.goto("/tasks")
    end(run_id)
    ask(page, "run-ends")
    page.wait_for_function("() => window.shown")
    assert page.evaluate("window.shown")[0] == "weekday: Succeeded"
    page.evaluate("note.dispatchEvent(new Event('click'))")
    page.wait_for_url(f"**/runs/{run_id}")


def test_any_open_page_tells_once(
    app: Flask, visit: Callable[..., Page], submit: Callable[..., str], ask: Callable[[Page, str], None]
) -> None:
    run_id = submit("weekday", day="2026-11-20")
    page = visit(f"/runs/{run_id}", width=320)
    expect(page.locator("#run-subscription .icon")).to_be_visible()  # its word is not, on a phone
    page.get_by_role("button", name="Tell me when it ends").click()
    expect(page.locator("#toasts")).to_contain_text("This browser does not allow notifications")
    expect(page.locator("#toasts")).to_contain_text("You will be told when it ends")
    expect(page.get_by_role("button", name="You will be told")).to_be_visible()
    other = page.context.new_page()
    other.goto("/tasks")
    page.goto("/livez")  # it is no longer open when the run ends
    end(run_id)
    ask(other, "run-ends")
    expect(other.locator("#toasts")).to_contain_text("weekday: Succeeded")
    assert other.get_by_role("link", name="See the run").get_attribute("href") == f"/runs/{run_id}"
    other.reload()
    expect(other.locator("#run-ends")).to_have_count(1)
    told: Any = other.locator("#run-ends").get_attribute("data-live")
    assert told is None  # nothing is waited for any more
    expect(other.locator("#toasts")).not_to_contain_text("weekday: Succeeded")
