"""The list of runs: filters, choosing rows while the list lives, and a change of many runs."""

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from playwright.sync_api import Page, expect

from app import broker
from app.broker import topics
from app.runs import states
from app.runs.history import record
from tests.rows import make_run

NOW = datetime.now(UTC)
Visit = Callable[..., Page]


def put(number: int, state: str = states.SUCCESS, **fields: Any) -> str:
    """Write a run into the history, or change it, and tell of it; returns its row's selector."""
    at = NOW - timedelta(minutes=90) + timedelta(seconds=number)
    run_id = make_run(f"row-{number}", at, state, **{"args": [number]} | fields)
    topics.touch(broker.client(), ["runs", f"run:{run_id}"])
    return f"#run-{run_id}"


def test_chosen_rows_stay_chosen_and_in_place_while_runs_come_in(visit: Visit) -> None:
    first, second = put(1), put(2, states.STARTED, started_at=NOW)
    page = visit("/runs")
    page.locator(f"{first} .pick").check()
    page.mouse.move(5, 5)
    expect(page.locator("#bulk")).to_be_visible()
    before = page.locator(first).bounding_box()
    third = put(3)
    put(2, states.SUCCESS, started_at=NOW, ended_at=NOW)
    expect(page.locator(f"{second} .badge")).to_contain_text("Succeeded")
    expect(page.locator("#newer-runs")).to_contain_text("1 newer run")
    assert page.locator(third).count() == 0
    expect(page.locator(f"{first} .pick")).to_be_checked()
    assert page.locator("[data-picked]").inner_text() == "1 chosen"
    after = page.locator(first).bounding_box()
    assert before
    assert after
    assert before["x"] == after["x"]
    page.locator("[data-pick-none]").click()
    page.mouse.move(5, 5)
    page.evaluate("document.activeElement.blur()")
    expect(page.locator(third)).to_be_visible()


def test_focus_and_scroll_stay_while_runs_come_in(visit: Visit, ask: Any) -> None:
    for number in range(40):
        put(number)
    page = visit("/runs")
    page.mouse.move(5, 5)
    page.evaluate("scrollTo(0, 500)")
    page.locator("#run-row-20 .task-name").focus()
    place = page.evaluate("scrollY")
    put(50)
    ask(page, "runs")
    assert page.evaluate("scrollY") == place
    assert page.evaluate("document.activeElement.closest('tr').id") == "run-row-20"
    assert page.locator("#run-row-50").count() == 0


def test_the_open_filters_are_left_alone(visit: Visit, ask: Any) -> None:
    put(1)
    page = visit("/runs")
    page.get_by_text("More filters").click()
    page.get_by_label("Ran at least, seconds").fill("12")
    put(2)
    ask(page, "runs")
    assert page.get_by_label("Ran at least, seconds").input_value() == "12"
    page.get_by_label("Ran at least, seconds").press("Enter")
    expect(page).to_have_url(re.compile("min_seconds=12"))
    expect(page.get_by_role("link", name="Remove the filter At least: 12 s")).to_be_visible()
    expect(page.get_by_label("Ran at least, seconds")).to_be_visible()
    page.get_by_role("link", name="Remove the filter At least: 12 s").click()
    expect(page).to_have_url(re.compile(r"^((?!min_seconds=12).)*$"))


def test_chosen_runs_are_rerun_after_a_dry_run(visit: Visit) -> None:
    first, second = put(1), put(2)
    put(3, states.STARTED, started_at=NOW)
    page = visit("/runs")
    page.locator("[data-pick-all]").check()
    page.get_by_role("button", name="Retry").click()
    expect(page.get_by_text("2 will be retried")).to_be_visible()
    expect(page.get_by_text("1 running, left out")).to_be_visible()
    page.get_by_role("button", name="Retry 2").click()
    expect(page.get_by_text("2 of 2 runs done")).to_be_visible()
    page.reload()
    expect(page.get_by_text("2 of 2 runs done")).to_be_visible()
    assert broker.depth("default") == 2
    assert first != second


def test_what_is_copied_stands_in_the_clipboard(visit: Visit) -> None:
    """With and without the clipboard of the browser, which only secure pages have."""
    put(7)
    page = visit("/runs/row-7/message", permissions=["clipboard-read", "clipboard-write"])
    page.evaluate("document.body.append(Object.assign(document.createElement('textarea'), {id: 'pasted'}))")
    for copied in ("as-curl", "as-python"):
        page.locator(f"[data-copy='{copied}']").click()
        expect(page.locator(f"[data-copy='{copied}']")).to_contain_text("Copied")
        wanted = page.locator(f"#{copied}").inner_text()
        assert "plain" in wanted
        page.locator("#pasted").fill("")
        page.keyboard.press("Control+V")
        assert page.locator("#pasted").input_value().split() == wanted.split()
        page.evaluate("Object.defineProperty(navigator, 'clipboard', {value: undefined})")


def test_a_rerun_with_changes_starts_from_what_was_given(visit: Visit) -> None:
    put(1, states.FAILURE, task_name="sample_tasks.resize", args=["in"], kwargs={"width": 320, "fmt": "jpeg"})
    page = visit("/runs/row-1")
    page.get_by_role("link", name="Retry with changes").click()
    expect(page.get_by_text("Filled in from the run")).to_be_visible()
    assert page.locator("[name='p-folder']").input_value() == "in"
    assert page.locator("[name='p-width']").input_value() == "320"
    assert page.locator("[name='p-fmt'][value*='jpeg']").is_checked()
    page.locator("[name='p-width']").fill("640")
    page.locator("#run-form").get_by_role("button", name="Run now").click()
    expect(page).to_have_url(re.compile("/runs/(?!row-1)"))
    expect(page.get_by_text("retry of")).to_be_visible()
    expect(page.get_by_text("640", exact=True)).to_be_visible()


def test_the_numbers_of_a_task_show_another_time(visit: Visit) -> None:
    start = NOW.timestamp() - 60
    base = {"id": "row-1", "task": "sample_tasks.plain", "attempt": 0, "worker": "w@h"}
    events = [
        base | {"type": "started", "at": start},
        base | {"type": "succeeded", "at": start + 5, "runtime": 5.0},
    ]
    record(events, lambda name, args, kwargs: (args, kwargs, []))
    page = visit("/tasks/sample_tasks.plain")
    expect(page.locator("#numbers figure")).to_have_attribute("aria-label", re.compile("^1 run, median"))
    page.locator("#numbers").get_by_role("link", name="24 h").click()
    expect(page.locator("#numbers [aria-current]")).to_have_text("24 h")
    expect(page.locator("#numbers .chart-plot.times circle")).to_have_count(1)


def log_piece(number: int, *texts: str, first: int) -> dict[str, Any]:
    at = NOW.timestamp()
    lines = [[first + place, at, "INFO", text] for place, text in enumerate(texts)]
    return {"type": "log", "id": "row-1", "at": at, "started_at": at, "piece": number, "lines": lines}


def test_the_log_goes_on_by_itself_and_counts_its_lines(visit: Visit) -> None:
    def logged(piece: dict[str, Any]) -> None:
        record([piece], lambda _task, args, kwargs: (args, kwargs, []))

    put(1, states.STARTED, started_at=NOW)
    logged(log_piece(0, "first", first=1))
    page = visit("/runs/row-1")
    expect(page.locator("#log-count")).to_have_text("1 line")
    logged(log_piece(1, "second", "third", first=2))
    expect(page.locator("#log-lines")).to_contain_text("third")
    expect(page.locator("#log-count")).to_have_text("3 lines")
    put(1, states.SUCCESS, started_at=NOW, ended_at=NOW - timedelta(seconds=30))
    expect(page.locator("#run .badge").first).to_contain_text("Succeeded")
    expect(page.locator("#log-lines li:not(.log-more)")).to_have_count(3)
    expect(page.locator("#log-count")).to_have_text("3 lines")
