"""Live pages hold still: what is pointed at, worked in or selected does not move."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from playwright.sync_api import Page, expect

from app import broker, queues, runs
from app.broker import topics
from app.runs import states
from app.web import words
from tests.rows import make_run

NOW = datetime.now(UTC)
Visit = Callable[..., Page]


def put(number: int, state: str = states.SUCCESS, **fields: Any) -> str:
    """Write a run into the history, or change it, and tell of it."""
    at = NOW - timedelta(minutes=90) + timedelta(seconds=number)
    run_id = make_run(f"run-{number}", at, state, **{"args": [number]} | fields)
    topics.touch(broker.client(), ["runs", f"run:{run_id}"])
    return run_id


def test_new_runs_come_in_by_themselves_while_nobody_touches_the_list(visit: Visit) -> None:
    put(1)
    page = visit("/runs")
    put(2, states.STARTED, started_at=NOW)
    expect(page.locator("tbody tr[id]")).to_have_count(2)
    assert page.locator("tbody tr[id]").first.get_attribute("id") == "run-run-2"


def test_a_list_that_is_pointed_at_changes_in_place_only(visit: Visit) -> None:
    put(1, states.STARTED, started_at=NOW)
    put(2)
    page = visit("/runs")
    page.hover("#run-run-1")
    put(3)
    put(1, states.FAILURE, error="KeyError: 'x'", ended_at=NOW)
    expect(page.locator("#run-run-1 .badge")).to_contain_text("Failed")
    expect(page.locator("#newer-runs")).to_contain_text("1 newer run")
    assert page.locator("#run-run-3").count() == 0
    page.click("[data-release]")
    expect(page.locator("#run-run-3")).to_be_visible()
    expect(page.locator("#newer-runs")).to_be_hidden()


def test_a_selection_is_not_taken_away(visit: Visit) -> None:
    run_id = put(1, states.STARTED, started_at=NOW, kwargs={"b": "selected text"})
    page = visit(f"/runs/{run_id}")
    page.locator("#run-arguments dd").last.select_text()
    put(1, states.SUCCESS, ended_at=NOW, kwargs={"b": "other text"}, result="done")
    expect(page.locator("#run-head .badge")).to_contain_text("Succeeded")
    assert page.evaluate("getSelection().toString()") == '"selected text"'
    page.mouse.click(700, 850)
    page.evaluate("getSelection().removeAllRanges()")
    expect(page.locator("#run-arguments")).to_contain_text("other text")


def test_the_focus_stays(visit: Visit) -> None:
    run_id = put(1, states.STARTED, started_at=NOW)
    page = visit(f"/runs/{run_id}")
    page.get_by_role("link", name="Terminate").focus()
    page.keyboard.press("Tab")
    put(1, states.PROGRESS, started_at=NOW, progress_current=1, progress_total=4, progress_at=NOW)
    expect(page.locator(".run-progress")).to_contain_text("25 %")
    assert page.evaluate("document.activeElement.textContent.trim()") == "Retry with changes"


def test_typing_in_a_filter_is_left_alone(visit: Visit, ask: Any) -> None:
    put(1)
    page = visit("/runs")
    page.locator("#run-filters input[type=search]").press_sequentially("half a wo")
    put(2)
    ask(page, "runs")
    assert page.input_value("#run-filters input[type=search]") == "half a wo"


def test_the_pill_pauses_and_says_when_updates_stopped(visit: Visit) -> None:
    put(1)
    page = visit("/runs", own=True)
    page.clock.install()
    page.reload()
    pill = page.locator(".live")
    page.clock.run_for(3000)
    expect(pill).to_contain_text("Live")
    page.context.set_offline(True)
    page.clock.run_for(20_000)
    expect(pill).to_contain_text("Stopped")
    page.context.set_offline(False)
    page.clock.run_for(4000)
    expect(pill).to_contain_text("Live")
    pill.click()
    expect(pill).to_have_text("Paused")
    put(2)
    page.clock.run_for(10_000)
    assert page.locator("tbody tr[id]").count() == 1
    pill.click()
    expect(page.locator("tbody tr[id]")).to_have_count(2)


def test_the_page_counts_time_in_the_same_words(visit: Visit, app: Any) -> None:
    spans = (3630, 86400 + 40, 3 * 86400 + 7200)
    for number, seconds in enumerate(spans):
        put(number, states.STARTED, started_at=datetime.now(UTC) - timedelta(seconds=seconds))
    page = visit("/runs", own=True)
    page.clock.install()
    page.reload()
    page.clock.run_for(1300)
    with app.test_request_context():
        told = [words.duration(seconds) for seconds in reversed(spans)]
        assert page.locator("[data-since]").all_inner_texts() == told
        assert page.locator("time[data-ago]").first.inner_text() == words.ago(
            NOW - timedelta(minutes=90), NOW
        )


def test_terminate_asks_with_the_focus_on_the_safe_answer(visit: Visit) -> None:
    page = visit(f"/runs/{put(1, states.STARTED, started_at=NOW)}")
    page.get_by_role("link", name="Terminate").click()
    expect(page.get_by_role("dialog")).to_be_visible()
    expect(page.get_by_role("link", name="Keep running")).to_be_focused()
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_be_hidden()


SHIFTS = """
window.shifts = [];
new PerformanceObserver((list) => {
  for (const entry of list.getEntries()) {
    const moved = entry.sources.map(({ node }) => (node?.outerHTML ?? node?.textContent)?.slice(0, 90));
    if (entry.value > 0.0005) window.shifts.push([entry.value, ...moved].join(" "));
  }
}).observe({ type: "layout-shift" });
"""


def test_nothing_slides_while_runs_come_and_end(visit: Visit, ask: Any) -> None:
    for number in range(4):
        put(number)
    put(4, states.FAILURE, error="KeyError: 'x'", ended_at=NOW)
    run_id = put(5, states.STARTED, started_at=NOW)
    queued, _other = (runs.submit(runs.RunRequest("sample_tasks.plain", [n]), NOW).id for n in (1, 2))
    moved: dict[str, Any] = {}
    paths = {"/": "overview", "/runs": "runs", "/queues/default": "queue", f"/runs/{run_id}": "run"}
    for path, part in paths.items():
        page = visit(path, role="admin")
        page.mouse.move(5, 5)
        ask(page, part)
        page.evaluate(SHIFTS)
        put(6, states.FAILURE, error=f"KeyError: '{part}'", ended_at=NOW)
        put(7, states.STARTED, started_at=NOW)
        done = {"progress_current": 9, "progress_total": 10, "progress_at": NOW}
        put(5, states.PROGRESS, started_at=NOW, worker="w@h", **done)
        ask(page, part)
        if part == "queue":
            queues.remove("default", queued, "ann", NOW)
        put(5, states.SUCCESS, ended_at=NOW, result={"a": 1, "b": 2}, runtime_seconds=9.0)
        ask(page, part)
        if shifts := page.evaluate("window.shifts"):
            moved[path] = shifts
        put(5, states.STARTED, started_at=NOW, worker=None, ended_at=None, progress_at=None)
    assert moved == {}
