"""Beat's own loop: it waits for what comes next, is woken by changes, and survives whatever happens."""

import json
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import redis as redis_client
from celery.beat import Service
from flask import Flask
from sqlalchemy import text
from sqlalchemy.exc import OperationalError

from app import heartbeats, runs, schedules
from app.beat.scheduler import BeatScheduler
from app.clock import utcnow
from app.extensions import db
from app.health import checks
from app.runs import states
from app.schedules import firing
from app.schedules.models import Schedule
from tests.conftest import wait_until

pytestmark = pytest.mark.database
Make = Callable[..., Schedule]


@pytest.fixture
def beat(celery_app: Any) -> Iterator[BeatScheduler]:
    scheduler = BeatScheduler(celery_app)
    yield scheduler
    scheduler.close()


@pytest.fixture
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Beat looks by itself so rarely that what happens sooner happens because it was woken, or is due."""
    monkeypatch.setattr("app.beat.scheduler.LONGEST_WAIT_SECONDS", 300.0)


def wait_until_it_listens(redis: redis_client.Redis) -> None:
    wait_until(lambda: redis.pubsub_numsub("celeriac:schedules")[0][1])  # type: ignore[index]


@pytest.fixture
def ticking(beat: BeatScheduler) -> Iterator[BeatScheduler]:
    """A beat that works in a thread."""
    stop = threading.Event()

    def work() -> None:
        while not stop.is_set():
            assert beat.tick() == 0

    thread = threading.Thread(target=work)
    thread.start()
    yield beat
    stop.set()
    beat._wake.set()
    thread.join()


def test_celery_takes_it_by_itself(celery_app: Any) -> None:
    before = set(threading.enumerate())
    service = Service(celery_app, scheduler_cls=celery_app.conf.beat_scheduler)
    assert type(service.get_scheduler(lazy=True)).__name__ == "BeatScheduler"
    assert set(threading.enumerate()) <= before


def test_it_fires_when_it_is_due_and_is_woken_by_an_edit(
    patient: None, ticking: Any, redis: redis_client.Redis, make: Make, history: Any, eventually: Any
) -> None:
    wait_until_it_listens(redis)
    row = make(at=utcnow(), interval_seconds=1, overlap="allow")
    eventually(lambda: len(history(row)) >= 3)
    assert all(run.created_at >= run.due_at for run in history(row))
    assert {run.state for run in history(row)} == {states.PENDING}
    other = make("other", at=utcnow(), interval_seconds=86_400)
    schedules.disable(row.id, "a", utcnow())
    at = utcnow() + timedelta(seconds=0.2)
    schedules.update(
        other.id, {"task_type": "one_time", "run_at": at, "interval_seconds": None}, "a", utcnow()
    )
    eventually(lambda: history(other))


def test_a_wake_up_ends_the_wait_at_once(
    beat: BeatScheduler, redis: redis_client.Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    beat.tick()
    wait_until_it_listens(redis)
    beat.tick()
    monkeypatch.setattr("app.beat.scheduler.LONGEST_WAIT_SECONDS", 300.0)
    later = threading.Timer(0.2, lambda: redis.publish("celeriac:schedules", b""))
    later.start()
    started = time.monotonic()
    beat.tick()
    assert 0.15 < time.monotonic() - started < 60
    later.join()


def test_an_edit_made_in_sql_wakes_it_on_postgresql(
    beat: BeatScheduler, make: Make, database: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not database:
        pytest.skip("SQLite cannot notify; beat looks once a second")
    row = make(at=utcnow(), interval_seconds=86_400)
    for _ in range(3):
        beat.tick()

    def edit() -> None:
        with db.engine.connect() as connection:
            connection.execute(
                text("UPDATE schedules SET interval_seconds = 3600 WHERE id = :id"), {"id": row.id}
            )
            connection.commit()

    app = beat._flask

    def work() -> None:
        with app.app_context():
            edit()

    db.session.rollback()
    monkeypatch.setattr("app.beat.scheduler.LONGEST_WAIT_SECONDS", 300.0)
    later = threading.Timer(0.2, work)
    later.start()
    started = time.monotonic()
    beat.tick()
    assert 0.15 < time.monotonic() - started < 60
    later.join()
    monkeypatch.undo()
    beat.tick()
    db.session.rollback()
    found = schedules.get(row.id)
    assert timedelta(minutes=59) < found.next_run_at - datetime.now(UTC) <= timedelta(hours=1)


def test_runs_for_later_go_out_on_time(
    patient: None, ticking: Any, app: Flask, redis: redis_client.Redis, eventually: Any
) -> None:
    wait_until_it_listens(redis)
    at = utcnow() + timedelta(seconds=1)
    run = runs.submit(runs.RunRequest("sample_tasks.plain", [1], run_at=at), utcnow())
    sent = eventually(lambda: runs.get(run.id).state == states.PENDING and runs.get(run.id))
    assert sent.updated_at >= at


def test_a_buffered_fire_goes_out_when_the_earlier_run_ends(
    ticking: Any, make: Make, history: Any, end: Any, eventually: Any
) -> None:
    row = make(at=utcnow(), interval_seconds=1, overlap="buffer_one")
    first, second = eventually(lambda: len(history(row)) == 2 and history(row), 10)
    assert (first.state, second.state) == (states.PENDING, states.SCHEDULED)
    end(first, at=utcnow())
    eventually(lambda: history(row)[1].state == states.PENDING)


def test_it_says_that_it_is_alive(beat: BeatScheduler, app: Flask, redis: redis_client.Redis) -> None:
    assert not checks.beat(utcnow()).ok
    redis.hset(heartbeats.BEATS, "killed-1", json.dumps({"at": 0, "started_at": 0, "pid": 1, "fired": 0}))
    beat.tick()
    assert checks.beat(utcnow()).ok
    (found,) = heartbeats.beats(redis, utcnow())
    assert found.alive
    assert not heartbeats.beats(redis, utcnow() + timedelta(minutes=1))[0].alive
    beat.close()
    assert heartbeats.beats(redis, utcnow()) == []


def test_nothing_that_goes_wrong_leaves_a_tick(
    beat: BeatScheduler, make: Make, history: Any, monkeypatch: Any, redis: redis_client.Redis
) -> None:
    beat.tick()
    row = make(at=utcnow() - timedelta(hours=1), interval_seconds=3600)  # due now
    broken = iter(
        [
            OperationalError("the database is away", None, Exception()),
            redis_client.ConnectionError("Redis is away"),
            RuntimeError("a bug"),
        ]
    )
    agenda = firing.agenda
    monkeypatch.setattr(firing, "agenda", lambda: (_ for _ in ()).throw(next(broken)))
    redis.delete(heartbeats.BEATS)
    for _ in range(3):
        assert beat.tick() == 0
    assert not redis.exists(heartbeats.BEATS)  # a beat that cannot work does not say that it is well
    monkeypatch.setattr(firing, "agenda", agenda)
    beat.tick()
    assert len(history(row)) == 1


def test_nothing_is_claimed_while_redis_is_away(
    beat: BeatScheduler, make: Make, history: Any, monkeypatch: Any
) -> None:
    beat.tick()
    row = make(at=utcnow() - timedelta(hours=1), interval_seconds=3600)  # due now

    def refuse(*_: Any, **__: Any) -> None:
        raise redis_client.ConnectionError("away")

    monkeypatch.setattr(redis_client.Redis, "ping", refuse)
    beat.tick()
    assert history(row) == []
    monkeypatch.undo()
    beat.tick()
    assert [run.state for run in history(row)] == [states.PENDING]


def test_its_first_tick_takes_over_what_code_defines(beat: BeatScheduler, app: Flask) -> None:
    beat.tick()
    db.session.rollback()
    rows = {row.code_key: row for row in schedules.page(schedules.ScheduleFilter(origin="code")).items}
    assert set(rows) >= {"Clean up the history", "Back up the database"}
    assert all(row.enabled and row.next_run_at for row in rows.values())
