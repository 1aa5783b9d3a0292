"""The menus of the Runs pages: of a row, of the export, of a run; by keyboard, live, without JavaScript."""

import csv
import json
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from playwright.sync_api import Page, expect

from app import broker, runs
from app.broker import topics
from app.extensions import db, transaction
from app.runs import states
from app.runs.models import Run
from tests.rows import make_run

NOW = datetime.now(UTC)
Visit = Callable[..., Page]


def put(number: int, state: str = states.SUCCESS, **fields: Any) -> str:
    """Write a run into the history, or change it, and tell of it; returns its row's selector."""
    at = NOW - timedelta(minutes=90) + timedelta(seconds=number)
    run_id = make_run(f"row-{number}", at, state, **{"args": [number]} | fields)
    topics.touch(broker.client(), ["runs", f"run:{run_id}"])
    return f"#run-{run_id}"


def test_the_keyboard_opens_moves_and_closes(visit: Visit) -> None:
    row = put(1)
    page = visit("/runs", role="admin")
    button, menu = page.locator(f"{row} .row-more"), page.locator("#run-menu")
    button.focus()
    page.keyboard.press("Enter")
    expect(menu).to_be_visible()
    assert button.get_attribute("aria-expanded") == "true"
    expect(menu.get_by_role("link", name="Open")).to_be_focused()
    page.keyboard.press("ArrowDown")
    expect(menu.get_by_role("button", name="Retry with the same arguments")).to_be_focused()
    page.keyboard.press("ArrowUp")
    page.keyboard.press("ArrowUp")
    expect(menu.get_by_role("link", name="Delete")).to_be_focused()
    page.keyboard.press("Escape")
    expect(menu).to_be_hidden()
    expect(button).to_be_focused()
    expect(button).not_to_have_attribute("aria-expanded", "true")
    for key in (" ", "ArrowDown"):
        page.keyboard.press(key)
        expect(menu.get_by_role("link", name="Open")).to_be_focused()
        page.keyboard.press("Escape")
        expect(button).to_be_focused()
    assert page.url.endswith("/runs")


def test_live_updates_leave_an_open_menu_and_its_rows_alone(visit: Visit) -> None:
    first, second = put(1, states.STARTED, started_at=NOW), put(2)
    page = visit("/runs")
    page.locator(f"{first} .row-more").click()
    menu = page.locator("#run-menu")
    expect(menu.get_by_role("link", name="Terminate")).to_be_visible()
    page.mouse.move(5, 5)
    page.keyboard.press("ArrowDown")
    held = page.evaluate("document.activeElement.textContent")
    before = page.locator(second).bounding_box()
    third = put(3)
    put(1, states.SUCCESS, started_at=NOW, ended_at=NOW)
    expect(page.locator(f"{first} .badge")).to_contain_text("Succeeded")
    expect(page.locator("#newer-runs")).to_contain_text("1 newer run")
    expect(page.locator(f"{first} .row-more")).to_have_attribute("aria-expanded", "true")
    expect(menu).to_be_visible()
    assert page.evaluate("document.activeElement.textContent") == held
    assert page.locator(third).count() == 0
    after = page.locator(second).bounding_box()
    assert before
    assert after
    assert before["x"] == after["x"]
    page.keyboard.press("Escape")
    expect(page.locator(f"{first} .row-more")).to_be_focused()
    expect(page.locator(".row-more[aria-expanded]")).to_have_count(0)
    # It tells that it closed a moment later, and gives the focus back then.
    page.evaluate("new Promise((done) => requestAnimationFrame(() => setTimeout(done)))")
    page.evaluate("document.activeElement.blur()")
    expect(page.locator(third)).to_be_visible()


def test_one_menu_serves_all_rows(visit: Visit) -> None:
    first, second = put(1), put(2, states.STARTED, started_at=NOW)
    page = visit("/runs")
    menu = page.locator("#run-menu")
    page.locator(f"{first} .row-more").click()
    expect(menu.get_by_role("button", name="Retry with the same arguments")).to_be_visible()
    page.locator(f"{second} .row-more").click()
    expect(menu.get_by_role("link", name="Terminate")).to_be_visible()
    expect(menu.get_by_role("button", name="Retry with the same arguments")).to_have_count(0)
    assert page.locator("#run-menu-of").get_attribute("data-run") == "row-2"
    expect(page.locator(".row-more[aria-expanded]")).to_have_attribute("id", "more-row-2")


def test_a_run_is_repeated_from_its_row(visit: Visit) -> None:
    row = put(1, states.FAILURE, args=[41], error="KeyError: 1")
    page = visit("/runs")
    page.locator(f"{row} .row-more").click()
    page.get_by_role("button", name="Retry with the same arguments").click()
    expect(page).to_have_url(re.compile("/runs/(?!row-1)"))
    expect(page.get_by_text("retry of")).to_be_visible()
    assert runs.get(page.url.rsplit("/", 1)[1]).args == [41]


def test_a_waiting_run_is_cancelled_and_the_list_stays(visit: Visit) -> None:
    row = put(1, states.PENDING, queue=None)
    page = visit("/runs?task_name=sample_tasks.plain")
    page.locator(f"{row} .row-more").click()
    page.locator("#run-menu").get_by_role("link", name="Cancel").click()
    page.locator("#dialog").get_by_role("button", name="Cancel run").click()
    expect(page.locator("#toasts")).to_contain_text("A worker already has it")
    assert page.url.endswith("/runs?task_name=sample_tasks.plain")


def test_deleting_asks_first_and_comes_back_to_the_list(visit: Visit) -> None:
    row, other = put(1, ended_at=NOW), put(2)
    page = visit("/runs?last=24h", role="admin")
    button = page.locator(f"{row} .row-more")
    button.click()
    page.locator("#run-menu").get_by_role("link", name="Delete").click()
    dialog = page.locator("#dialog")
    expect(dialog.get_by_role("link", name="Keep the run")).to_be_focused()
    expect(page.locator("#run-menu")).to_be_hidden()
    page.keyboard.press("Escape")
    expect(button).to_be_focused()
    button.click()
    page.locator("#run-menu").get_by_role("link", name="Delete").click()
    dialog.get_by_role("button", name="Delete run").click()
    expect(page.locator(other)).to_be_visible()
    expect(page.locator(row)).to_have_count(0)
    assert page.url.endswith("/runs?last=24h")


def test_the_id_is_copied_and_the_menu_stays(visit: Visit) -> None:
    row = put(1)
    page = visit("/runs", role="viewer", permissions=["clipboard-read", "clipboard-write"])
    page.locator(f"{row} .row-more").click()
    page.get_by_role("button", name="Copy id").click()
    expect(page.locator("#run-menu")).to_contain_text("Copied")
    assert page.evaluate("navigator.clipboard.readText()") == "row-1"


def test_a_run_that_is_gone_opens_no_menu(visit: Visit) -> None:
    row, other = put(1), put(2)
    page = visit("/runs")
    page.locator(f"{other} .row-more").click()
    expect(page.locator("#run-menu")).to_be_visible()
    page.keyboard.press("Escape")
    with transaction() as session:
        session.delete(db.session.get(Run, "row-1"))
    page.locator(f"{row} .row-more").click()
    expect(page.locator("#toasts")).to_contain_text("There is no run row-1")
    expect(page.locator("#run-menu")).to_be_hidden()


def test_on_a_phone_the_button_stands_in_the_card_and_the_menu_on_the_screen(visit: Visit) -> None:
    for number in range(12):
        put(number, states.FAILURE, error="KeyError: " + "x" * 300)
    page = visit("/runs?last=24h", role="admin", width=380)
    card = page.locator("#run-row-0")
    button = card.locator(".row-more")
    button.scroll_into_view_if_needed()
    button.click()
    menu = page.locator("#run-menu")
    expect(menu).to_be_visible()
    inner, outer = button.bounding_box(), card.bounding_box()
    assert inner
    assert outer
    assert inner["width"] >= 44
    assert inner["height"] >= 44
    assert inner["x"] >= outer["x"]
    assert inner["x"] + inner["width"] <= outer["x"] + outer["width"]
    box = menu.bounding_box()
    assert box
    assert box["x"] >= 0
    assert box["x"] + box["width"] <= 380
    assert box["y"] >= 0
    assert box["y"] + box["height"] <= 900


def test_the_export_is_a_file_of_the_filter(visit: Visit, tmp_path: Any) -> None:
    put(1, queue="mail")
    put(2)
    page = visit("/runs?queue=mail", role="viewer")
    page.get_by_role("button", name="Export").focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("link", name="CSV, for spreadsheets")).to_be_focused()
    page.keyboard.press("ArrowDown")
    with page.expect_download() as download:
        page.keyboard.press("Enter")
    assert download.value.suggested_filename.endswith(".json")
    document = json.loads(download.value.path().read_text("utf-8"))
    assert [run["id"] for run in document["runs"]] == ["row-1"]
    assert document["complete"] is True
    page.get_by_role("button", name="Export").click()
    with page.expect_download() as download:
        page.get_by_role("link", name="CSV, for spreadsheets").click()
    rows = list(csv.DictReader(download.value.path().read_text("utf-8-sig").splitlines()))
    assert [row["id"] for row in rows] == ["row-1"]


def test_without_javascript_the_button_is_a_link_and_the_export_works(visit: Visit) -> None:
    row = put(1)
    page = visit("/runs", role="viewer", java_script_enabled=False)
    page.get_by_role("button", name="Export").click()
    with page.expect_download() as download:
        page.get_by_role("link", name="JSON, for programs").click()
    assert json.loads(download.value.path().read_text("utf-8"))["complete"] is True
    page.goto("/runs")
    page.locator(f"{row} .row-more").click()
    expect(page).to_have_url(re.compile("/runs/row-1$"))
    page.get_by_role("button", name="More actions").click()
    page.get_by_role("link", name="Code and message").click()
    expect(page).to_have_url(re.compile("/runs/row-1/message$"))


def test_the_menu_of_a_run_is_left_open_by_live_updates(visit: Visit) -> None:
    put(1, states.STARTED, started_at=NOW)
    page = visit("/runs/row-1", role="admin")
    page.get_by_role("button", name="More actions").click()
    entry = page.get_by_role("link", name="Code and message")
    expect(entry).to_be_focused()
    put(1, states.SUCCESS, started_at=NOW, ended_at=NOW, result={"rows": 3})
    expect(page.locator("#run-result")).to_contain_text("rows")
    expect(entry).to_be_focused()
    page.keyboard.press("Escape")
    expect(page.get_by_role("button", name="More actions")).to_be_focused()
    page.evaluate("document.activeElement.blur()")
    expect(page.locator("#run-head .badge")).to_contain_text("Succeeded")


def test_buttons_of_the_bar_name_how_many_they_touch(visit: Visit) -> None:
    put(1)
    put(2, states.STARTED, started_at=NOW)
    put(3, states.PENDING)
    page = visit("/runs", role="admin")
    page.locator("[data-pick-all]").check()
    bar = page.locator("#bulk")
    for words in ("Retry 1", "Cancel 1 waiting", "Terminate 1 running", "Delete 1 finished"):
        expect(bar.get_by_role("button", name=words)).to_be_visible()
