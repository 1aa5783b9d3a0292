"""Batches of events become rows, once, on SQLite and PostgreSQL."""

import threading
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from flask import Flask

from app.extensions import db
from app.runs import delete_finished, queries, states
from app.runs.history import record
from app.runs.models import Run

pytestmark = pytest.mark.database
NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)


def plain(task_name: str, args: Any, kwargs: Any) -> tuple[Any, Any, list[str]]:
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
    assert delete_finished([states.SUCCESS], NOW - timedelta(hours=1), limit=3) == 3
    assert delete_finished([states.SUCCESS], NOW - timedelta(hours=1), limit=3) == 2
    assert delete_finished([states.SUCCESS], NOW - timedelta(hours=1), limit=3) == 0
    assert {run.id for run in queries.page(queries.RunFilter()).items} == {"waiting", "new"}
    with pytest.raises(ValueError, match="PENDING"):
        delete_finished([states.PENDING], NOW, limit=3)
