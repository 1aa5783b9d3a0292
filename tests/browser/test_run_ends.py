"""To be told when a run ends, in a browser that denies notifications: any open page tells, once."""

from collections.abc import Callable
from typing import Any

from flask import Flask
from playwright.sync_api import Page, expect

from app.clock import utcnow
from app.extensions import transaction
from app.runs import Run


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
    with transaction() as session:
        run = session.get_one(Run, run_id)
        run.state, run.ended_at = "SUCCESS", utcnow()
    ask(other, "run-ends")
    expect(other.locator("#toasts")).to_contain_text("weekday: Succeeded")
    assert other.get_by_role("link", name="See the run").get_attribute("href") == f"/runs/{run_id}"
    other.reload()
    expect(other.locator("#run-ends")).to_have_count(1)
    told: Any = other.locator("#run-ends").get_attribute("data-live")
    assert told is None  # nothing is waited for any more
    expect(other.locator("#toasts")).not_to_contain_text("weekday: Succeeded")
