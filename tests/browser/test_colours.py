"""Colours of the system (forced colours) replace all backgrounds: state and selection show without them."""

from collections.abc import Callable
from typing import Any

from playwright.sync_api import Page, expect

from app import runs
from app.clock import utcnow

OF = """(selector) => {
  const style = getComputedStyle(document.querySelector(selector));
  return Object.fromEntries(["outlineStyle", "borderTopStyle", "borderBottomStyle", "appearance", "stroke",
    "color"].map((name) => [name, style[name]]));
}"""


def test_forced_colours_show_state_and_selection(visit: Callable[..., Page]) -> None:
    ids = [runs.submit(runs.RunRequest("sample_tasks.plain", [n]), utcnow()).id for n in range(2)]
    page = visit(f"/queues/default?run={ids[0]}", forced_colors="active")

    def of(selector: str) -> Any:
        return page.evaluate(OF, selector)

    assert page.evaluate("matchMedia('(forced-colors: active)').matches")
    assert of(".nav [aria-current=page]")["outlineStyle"] == "solid"
    within = page.evaluate("getComputedStyle(document.documentElement).getPropertyValue('--surface')")
    assert within == "Canvas"  # else the cross and the tick within their icons are not seen
    assert of("#line-rows tr.selected td")["borderTopStyle"] == "solid"
    assert of("#queue-head .badge")["borderTopStyle"] == "solid"
    page.locator(f"#wait-{ids[1]} .pick").check()
    chosen = page.locator(f"#wait-{ids[1]} .check").screenshot()
    page.locator(f"#wait-{ids[1]} .pick").uncheck()
    page.mouse.move(0, 0)
    assert page.locator(f"#wait-{ids[1]} .check").screenshot() != chosen
    page.locator(f"#wait-{ids[1]} .row-more").click()
    assert of("#queue-menu [data-priority='5']")["outlineStyle"] == "solid"
    page.goto("/tasks/sample_tasks.resize")
    expect(page.get_by_role("button", name="Fields")).to_be_visible()
