"""Batches of events become rows, once, on SQLite and PostgreSQL."""

import threading
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from flask import Flask

from app.extensions import db
from app.runs import Rule, delete_finished, history_gaps, queries, states
from app.runs.history import record
from app.runs.models import Run

pytestmark = pytest.mark.database
NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)


def plain(task: Any, args: Any, kwargs: Any) -> tuple[Any, Any, list[str]]:
    return args, kwargs, []


def event(kind: str, run_id: str, seconds: float = 0.0, **fields: Any) -> dict[str, Any]:
    return {"type": kind, "id": run_id, "task": "t", "at": NOW.timestamp() + seconds, "attempt": 0} | fields


def life(run_id: str, start: float = 0.0) -> list[dict[str, Any]]:
    return [
        event("sent", run_id, start, queue="default", priority=5, args=[1, "ü"], kwargs={"big": 2**80}),
        event("received", run_id, start + 1, worker="w@h"),
        event("started", run_id, start + 1.1, worker="w@h"),
        event("succeeded", run_id, start + 2, worker="w@h", runtime=0.9, result={"n": [1, None]}),
    ]


def test_a_whole_life_in_one_batch(app: Flask) -> None:
    assert record(life("a"), plain) == ["a"]
    run = queries.get("a")
    assert (run.state, run.queue, run.priority, run.worker) == (states.SUCCESS, "default", 5, "w@h")
    assert (run.args, run.kwargs, run.result) == ([1, "ü"], {"big": 2**80}, {"n": [1, None]})
    assert run.created_at == NOW
    assert run.finished_at == NOW + timedelta(seconds=2)
    assert run.runtime_seconds == 0.9


def test_event_by_event_gives_the_same(app: Flask) -> None:
    for one in life("a"):
        record([one], plain)
    record(life("b"), plain)
    a, b = queries.get("a"), queries.get("b")
    for column in Run.__table__.columns:
        if column.name not in ("id", "root_id"):
            assert getattr(a, column.name) == getattr(b, column.name), column.name


@pytest.mark.parametrize("result", [1.0, 10**30, 1e22, -0.0, 7, True, None, "1.0"], ids=repr)
def test_a_result_that_is_one_value_stays_as_it_is(app: Flask, result: Any) -> None:
    record([event("succeeded", "a", result=result)], plain)
    assert repr(queries.get("a").result) == repr(result)


def test_recording_twice_changes_nothing(app: Flask) -> None:
    record(life("a"), plain)
    before = {column.name: getattr(queries.get("a"), column.name) for column in Run.__table__.columns}
    record(life("a"), plain)
    db.session.expire_all()
    assert {column.name: getattr(queries.get("a"), column.name) for column in Run.__table__.columns} == before


def test_text_that_a_database_refuses_is_mended(app: Flask) -> None:
    record([event("failed", "a", error="bad \x00 byte \ud800", traceback="\x00")], plain)
    assert queries.get("a").error == "bad \ufffd byte ?"


def test_secrets_are_masked_before_they_are_stored(app: Flask) -> None:
    def mask(task_name: str, args: Any, kwargs: Any) -> tuple[Any, Any, list[str]]:
        return args, {"password": "••••••"}, ["password"]

    record([event("sent", "a", args=[], kwargs={"password": "hunter2"})], mask)
    run = queries.get("a")
    assert (run.kwargs, run.masked) == ({"password": "••••••"}, ["password"])


def test_two_recorders_at_once_lose_nothing(app: Flask) -> None:
    """Both write events of the same runs at the same time, in different orders."""
    lives = [life(f"r{number:03}") for number in range(60)]
    sides = (
        [one for run in lives for one in run[::2]],
        [one for run in reversed(lives) for one in run[1::2]],
    )
    failures: list[BaseException] = []

    def work(events: Sequence[dict[str, Any]]) -> None:
        with app.app_context():
            try:
                for at in range(0, len(events), 20):
                    record(events[at : at + 20], plain)
            except BaseException as error:
                failures.append(error)

    threads = [threading.Thread(target=work, args=(side,)) for side in sides]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    runs = queries.page(queries.RunFilter(), limit=100).items
    assert len(runs) == 60
    assert {run.state for run in runs} == {states.SUCCESS}
    assert {run.queue for run in runs} == {"default"}
    assert all(run.started_at and run.received_at and run.sent_at for run in runs)


def test_only_finished_old_runs_are_deleted_and_no_more_than_asked(app: Flask) -> None:
    record([one for number in range(5) for one in life(f"old{number}", -86400.0)], plain)
    record([event("sent", "waiting", -86400.0), *life("new")], plain)
    succeeded = Rule(states=[states.SUCCESS])
    assert delete_finished(succeeded, NOW - timedelta(hours=1), limit=3) == 3
    assert delete_finished(succeeded, NOW - timedelta(hours=1), limit=3) == 2
    assert delete_finished(succeeded, NOW - timedelta(hours=1), limit=3) == 0
    assert {run.id for run in queries.page(queries.RunFilter()).items} == {"waiting", "new"}
    with pytest.raises(ValueError, match="PENDING"):
        delete_finished(Rule(states=[states.PENDING]), NOW, limit=3)


def missed(has: Sequence[str] = (), worker: str = "w@h", **fields: Any) -> dict[str, Any]:
    """A worker tells of a gap of minutes, and what it has half a minute later."""
    at = NOW.timestamp() + 230
    return {
        "type": "missed", "at": at, "worker": worker, "since": at - 130, "until": at - 30, "has": list(has),
    } | fields  # fmt: skip


def taken(kind: str, run_id: str, seconds: float = 0.0, **fields: Any) -> dict[str, Any]:
    return event(kind, run_id, seconds, **{"worker": "w@h"} | fields)


@pytest.mark.parametrize("told_apart", [True, False])
@pytest.mark.parametrize("app_name", [None, "shop"])
def test_what_a_worker_no_longer_has_after_a_gap_is_lost(
    app: Flask, app_name: str | None, told_apart: bool
) -> None:
    """Not what it names, what has an end or waits elsewhere, what began since, what another worker has."""
    named = {"app": app_name} if app_name else {}
    told = [
        *(taken(kind, kind, **named) for kind in ("received", "started", "progress")),
        taken("started", "has", **named),
        taken("started", "ended", **named),
        taken("succeeded", "ended", 200, **named),
        taken("retried", "retried", **named),
        taken("received", "later", eta=(NOW + timedelta(hours=1)).isoformat(), **named),
        event("sent", "sent", queue="q", **named),
        taken("started", "young", 216, **named),
        taken("started", "elsewhere", worker="w2@h", **named),
        taken("started", "of another app", app="mail"),
    ]
    gap = missed(["has"], **named)
    for batch in [told, [gap]] if told_apart else [[gap, *told]]:
        touched = record(batch, plain)
    assert {"received", "started", "progress"} <= set(touched)
    lost = {run.id for run in db.session.query(Run).filter_by(state=states.LOST)}
    assert lost == {"received", "started", "progress"}
    run = queries.get("started")
    assert run.error == "EndNotTold: Its worker w@h could not tell how it ended."
    assert (run.finished_at, run.runtime_seconds, run.app) == (NOW + timedelta(seconds=230), None, app_name)
    record([gap], plain)
    assert [(row.from_at, row.until_at) for row in queries.gaps(NOW)] == [
        (NOW + timedelta(seconds=100), NOW + timedelta(seconds=200))
    ]


@pytest.mark.parametrize("app_name", [None, "shop"])
@pytest.mark.parametrize(
    ("later", "state"),
    [
        (taken("succeeded", "a", 150, result=1), states.SUCCESS),  # it came late
        (taken("retried", "a", 150), states.RETRY),
        (taken("started", "a", 300, attempt=1), states.STARTED),
        (taken("started", "a", 300), states.STARTED),  # its broker gave it out again
        (taken("progress", "a", 300), states.PROGRESS),
        (taken("received", "a", 1), states.LOST),
        (taken("started", "a", 2), states.LOST),
        (taken("progress", "a", 3), states.LOST),
    ],
)
def test_an_end_that_is_told_later_has_the_last_word(
    app: Flask, app_name: str | None, later: dict[str, Any], state: str
) -> None:
    named = {"app": app_name} if app_name else {}
    record([taken("started", "a", **named), missed(**named)], plain)
    assert queries.get("a").state == states.LOST
    record([later | named], plain)
    run = queries.get("a")
    assert run.state == state
    assert (run.error is not None) is (state == states.LOST)


def test_gaps_that_touch_are_one(app: Flask) -> None:
    def moment(minutes: int) -> datetime:
        return NOW + timedelta(minutes=minutes)

    for begin, end in ((0, 1), (5, 6), (1, 3), (2, 4)):
        history_gaps.note(moment(begin), moment(end), NOW)
    assert [(gap.from_at, gap.until_at) for gap in queries.gaps(NOW)] == [
        (moment(0), moment(4)), (moment(5), moment(6)),
    ]  # fmt: skip
