"""Pages in a browser: forms with and without JavaScript, the menu of a phone."""

from collections.abc import Callable
from datetime import UTC, datetime

from flask import Flask
from playwright.sync_api import Page, expect

from app import runs, schedules
from app.schedules import Definition

Visit = Callable[..., Page]


def test_a_refused_form_takes_the_focus_and_keeps_what_was_typed(visit: Visit) -> None:
    page = visit("/tasks/sample_tasks.resize")
    page.fill("[name=p-width]", "9")
    page.locator("#run-form").get_by_role("button", name="Run now").click()
    expect(page.locator("#problems")).to_be_focused()
    assert page.input_value("[name=p-width]") == "9"
    page.locator("#problems a").first.click()
    page.fill("[name=p-folder]", "photos")
    page.fill("[name=p-width]", "90")
    expect(page.locator("#same-as")).to_contain_text("'width': 90")
    page.locator("#run-form").get_by_role("button", name="Run now").click()
    page.wait_for_url("**/runs/*")
    expect(page.locator("#toasts")).to_contain_text("Sent to the queue default")


def test_the_json_tab_holds_what_the_fields_held(visit: Visit) -> None:
    page = visit("/tasks/sample_tasks.resize")
    page.fill("[name=p-folder]", "photos")
    page.get_by_role("button", name="Raw JSON").click()
    expect(page.locator("#raw")).to_have_value('{\n  "folder": "photos"\n}')
    page.get_by_role("button", name="Fields").click()
    expect(page.locator("[name=p-folder]")).to_have_value("photos")


def test_everything_works_without_javascript(visit: Visit) -> None:
    page = visit("/tasks/sample_tasks.resize", java_script_enabled=False)
    page.locator("#run-form").get_by_role("button", name="Run now").click()
    expect(page.locator("#problems")).to_contain_text("folder")
    page.get_by_role("button", name="Raw JSON").click()
    page.fill("#raw", '{"folder": "photos"}')
    page.locator("#run-form").get_by_role("button", name="Run now").click()
    expect(page.locator("h1")).to_have_text("resize")
    page.get_by_role("link", name="Cancel").click()
    page.get_by_role("button", name="Cancel run").click()
    expect(page.locator("#run-head .badge")).to_contain_text("Cancelled")
    page.goto("/runs")
    page.fill("#run-filters [name=q]", "photos")
    page.get_by_role("button", name="Filter").click()
    expect(page.locator("tbody tr[id]")).to_have_count(1)
    page.get_by_role("button", name="operator").click()
    page.get_by_role("button", name="Dark").click()
    expect(page.locator("html")).to_have_attribute("data-theme", "dark")


def test_what_a_row_is_about_has_room_at_every_width(app: Flask, visit: Visit) -> None:
    """The other columns are left out before the name is."""
    at = datetime.now(UTC)
    nightly = Definition(
        name="Nightly", task_name="sample_tasks.plain", task_type="interval", interval_seconds=60, args=[1]
    )
    schedules.create(nightly, "tom", at)
    runs.submit(runs.RunRequest("sample_tasks.plain", [1]), at)
    cells = (("/schedules", "td:nth-child(2)"), ("/runs", ".task-cell"), ("/queues", ".task-cell"))
    for path, cell in cells:
        page = visit(path)
        for width in (1366, 1280, 1200, 1024, 900):
            page.set_viewport_size({"width": width, "height": 800})
            room = page.locator("tbody").locator(cell).first.bounding_box()
            assert room, path
            assert room["width"] > 120, (path, width, room)


def test_the_menu_of_a_phone(visit: Visit) -> None:
    page = visit("/runs", width=380)
    nav = page.get_by_role("navigation", name="Main")
    expect(nav).to_be_hidden()
    page.get_by_role("button", name="Menu").click()
    expect(nav).to_be_visible()
    page.keyboard.press("Escape")
    expect(nav).to_be_hidden()
    page.get_by_role("button", name="Menu").click()
    nav.get_by_role("link", name="Tasks").click()
    page.wait_for_url("**/tasks")
