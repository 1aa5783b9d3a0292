"""Live pages hold still: what is pointed at, worked in or selected does not move."""

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from playwright.sync_api import Page, expect
from redis import Redis

from app import broker, queues, runs, schedules
from app.alerts import turns
from app.broker import pauses, topics
from app.heartbeats import BEATS, WORKERS
from app.runs import bulk, states
from app.web import words
from tests.browser import laden
from tests.rows import make_run

NOW = datetime.now(UTC)
FLOW = {"root_id": "run-6"}
DAILY = schedules.Definition(
    name="Daily", task_name=laden.TASK, args=[1], task_type="cron", cron_schedule="0 1 * * *"
)
Visit = Callable[..., Page]

SHIFTS = """
window.shifts = [];
window.watch = new PerformanceObserver((list) => {
  for (const entry of list.getEntries()) {
    const moved = entry.sources.map(({ node }) => (node?.outerHTML ?? node?.textContent)?.slice(0, 90));
    if (entry.value > 0.0002) window.shifts.push([entry.value, ...moved].join(" "));
  }
});
window.watch.observe({ type: "layout-shift" });
"""
FORGET = """() => new Promise((done) => {
  const forget = () => done(window.watch.takeRecords(), window.shifts = []);
  requestAnimationFrame(() => requestAnimationFrame(forget));
})"""


def put(number: int | str, state: str = states.SUCCESS, **fields: Any) -> str:
    """Write a run into the history, or change it, and tell of it."""
    at = NOW - timedelta(minutes=90) + timedelta(seconds=number if isinstance(number, int) else 30)
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


def test_a_banner_that_goes_takes_no_focus(visit: Visit, ask: Any) -> None:
    late = {"schedule_id": schedules.create(DAILY, "ann", NOW).id, "due_at": NOW - timedelta(minutes=5)}
    put(1, states.PENDING, **late)
    page = visit(f"/schedules/{late['schedule_id']}")
    banner = page.locator("main .banner", has_text=" late")
    expect(banner).to_be_visible()
    edit = page.locator("main").get_by_role("link", name="Edit")
    edit.focus()
    put(1, states.STARTED, started_at=NOW, **late)
    ask(page, "schedule")
    expect(banner).to_have_count(0)
    expect(edit).to_be_focused()


Change = Callable[[], Any]


def late_fire(redis: Redis) -> tuple[str, Change, Change]:
    fire = {"schedule_id": schedules.create(DAILY, "ann", NOW).id, "due_at": NOW - timedelta(hours=5)}
    put(1, states.STARTED, started_at=NOW, **fire)
    redis.hset(BEATS, "beat@host", json.dumps({"at": NOW.timestamp() + 600}))
    waits = lambda: put(1, states.PENDING, started_at=None, **fire)  # noqa: E731
    return f"/schedules/{fire['schedule_id']}", waits, lambda: put(1, states.STARTED, started_at=NOW, **fire)


def no_worker(redis: Redis) -> tuple[str, Change, Change]:
    laden.workers_of(redis)
    told = {name: json.loads(word) for name, word in redis.hgetall(WORKERS).items()}
    silent = {name: json.dumps(word | {"heartbeat_at": NOW.timestamp() - 300}) for name, word in told.items()}
    return "/", lambda: redis.hset(WORKERS, mapping=silent), lambda: laden.workers_of(redis)


def paused_queue(redis: Redis) -> tuple[str, Change, Change]:
    laden.workers_of(redis)
    pause = lambda: queues.pause("default", "ann", "month end", NOW)  # noqa: E731
    return "/queues/default", pause, lambda: queues.resume("default", NOW)


def paused_worker(redis: Redis) -> tuple[str, Change, Change]:
    laden.workers_of(redis)
    pause = lambda: pauses.pause_worker("w1@host", "ann", "a new disk", NOW)  # noqa: E731
    return "/workers/w1@host", pause, lambda: pauses.resume_worker("w1@host")


@pytest.mark.parametrize("width", [1440, 380])
@pytest.mark.parametrize("notice", [late_fire, no_worker, paused_queue, paused_worker])
def test_notices_that_come_and_go_move_nothing(
    visit: Visit, ask: Any, redis: Redis, notice: Any, width: int
) -> None:
    path, comes, goes = notice(redis)
    page = visit(path, role="admin", width=width)
    part = page.locator("[data-live=page], [data-live=list]").first.get_attribute("id")
    banner, news = page.locator(".notices > .banner"), page.locator("#news")
    room = page.locator(".notices > .room")
    ask(page, part)
    page.evaluate(SHIFTS)
    comes()
    ask(page, part)
    expect(news).to_be_visible()
    expect(banner).to_be_hidden()
    assert page.evaluate("window.shifts") == []
    title = news.inner_text()
    news.click()
    expect(news).to_be_hidden()
    expect(banner.locator("b")).to_have_text(title)
    page.evaluate(FORGET)  # who asked for it expects it
    high = banner.bounding_box()["height"]
    goes()
    ask(page, part)
    expect(banner).to_have_count(0)
    assert room.bounding_box()["height"] == pytest.approx(high, abs=1)
    comes()
    ask(page, part)
    expect(banner).to_be_visible()
    expect(news).to_be_hidden()
    goes()
    ask(page, part)
    assert page.evaluate("window.shifts") == []
    page.set_viewport_size({"width": width - 20, "height": 900})
    expect(room).to_have_count(0)


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


class Work:
    """What the pages show: runs of a schedule and of a worker, a workflow, a change of many, what waits."""

    def __init__(self, redis: Redis) -> None:
        self.redis = redis
        for number in range(4):
            put(number)
        laden.workers_of(redis)
        self.failed = [put(n, states.FAILURE, error=f"KeyError: {n}", ended_at=NOW) for n in (10, 11, 12)]
        laden.alerts_of()
        due_at = datetime.now(UTC) - timedelta(minutes=5)  # it is late until it starts
        self.fire = {"schedule_id": schedules.create(DAILY, "ann", NOW).id, "due_at": due_at}
        self.queued = [runs.submit(runs.RunRequest(laden.TASK, [n]), NOW).id for n in range(2)]
        self.change = bulk.freeze("rerun", self.failed, "ann", NOW).id
        bulk.confirm(self.change, "ann", NOW)
        self.begin()

    def begin(self) -> None:
        """A run has started, the first of a workflow; another waits."""
        self.of_worker("run-5")
        put(
            5,
            states.STARTED,
            started_at=NOW,
            worker=None,
            ended_at=None,
            progress_at=None,
            runtime_seconds=None,
        )
        put(6, states.PENDING, started_at=None, ended_at=None, **self.fire, **FLOW)

    def go_on(self, part: str) -> None:
        """More come, and all of them get on."""
        put(7, states.FAILURE, error=f"KeyError: '{part}'", ended_at=NOW)
        put(8, states.STARTED, started_at=NOW, **FLOW)
        done = {"progress_current": 9, "progress_total": 10, "progress_at": NOW}
        put(5, states.PROGRESS, started_at=NOW, worker="w@h", **done)
        put(6, states.STARTED, started_at=NOW, worker="w@h", **self.fire, **FLOW)
        self.of_worker("run-5", "run-6")
        if part == "bulk-change":
            bulk.step(self.change, NOW)
        put(part, states.FAILURE, task_name="shop.pay", error="KeyError: 1", ended_at=NOW)
        turns.take(NOW)

    def end(self, part: str) -> None:
        """All end; one that waited is taken out."""
        if part == "queue":
            queues.remove("default", self.queued.pop(), "ann", NOW)
        ended = {"ended_at": NOW, "runtime_seconds": 9.0}
        put(5, states.SUCCESS, result={"a": 1, "b": 2}, **ended)
        put(6, states.SUCCESS, started_at=NOW, **ended, **self.fire, **FLOW)
        put(8, states.RETRY, started_at=NOW, eta_at=NOW, **FLOW)
        put(9, **ended, **FLOW)
        self.of_worker()

    def of_worker(self, *ids: str) -> None:
        told = json.loads(self.redis.hget(WORKERS, "w1@host") or "{}")
        running = [{"id": one, "task": laden.TASK, "started_at": NOW.timestamp()} for one in ids]
        self.redis.hset(WORKERS, "w1@host", json.dumps(told | {"running": running}))

    def paths(self) -> list[str]:
        at = [f"/schedules/{self.fire['schedule_id']}", "/workers/w1@host", f"/runs/bulk/{self.change}"]
        lists = ["/runs", "/runs/failures", "/schedules", "/queues", "/workers", "/workflows", "/alerts"]
        return ["/", *lists, "/runs/run-5", "/queues/default", *at]


@pytest.mark.parametrize("width", [1440, 380])
def test_nothing_slides_while_runs_come_and_end(visit: Visit, ask: Any, redis: Redis, width: int) -> None:
    work = Work(redis)
    moved: dict[str, Any] = {}
    page = visit("/livez", role="admin", width=width)
    for path in work.paths():
        page.goto(path)
        page.mouse.move(5, 5)
        part = page.locator("[data-live]:not([data-live=frame], [data-live=ends])").get_attribute("id")
        ask(page, part)
        page.evaluate(SHIFTS)
        work.go_on(part)
        ask(page, part)
        work.end(part)
        ask(page, part)
        if shifts := page.evaluate("window.shifts"):
            moved[path] = shifts
        work.begin()
    assert moved == {}
