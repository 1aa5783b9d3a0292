"""Beats are killed, Redis and the database go away while fires come due: each fire happens exactly once."""

import random
import signal
import time
from collections import Counter
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
import redis as redis_client
from flask import Flask
from sqlalchemy import func, select

from app import broker, heartbeats, schedules
from app.clock import utcnow
from app.extensions import db
from app.runs import states
from app.runs.models import Run
from app.schedules.models import Schedule

pytestmark = pytest.mark.database
ONE_SECOND = timedelta(seconds=1)
OUTAGE_SECONDS = 1.5  # some fires come due meanwhile


def start_beat(processes: Any, **environment: str) -> Any:
    return processes.start("beat", "celery", "-A", "celery_worker", "beat", "-l", "INFO", **environment)


def beats_at_work(client: redis_client.Redis, among: list[Any]) -> int:
    """How many of these processes say that they are at work; a killed one's entry stays for a while."""
    pids = {process.pid for process in among}
    return sum(beat.alive and beat.pid in pids for beat in heartbeats.beats(client, utcnow()))


@pytest.fixture
def every_second(app: Flask) -> Callable[[], list[Schedule]]:
    """Makes schedules that fire every second: some catch up what they missed, some do not."""

    def make() -> list[Schedule]:
        now = utcnow()
        return [
            schedules.create(
                schedules.Definition(
                    name=f"s{number}",
                    task_name="sample_tasks.plain",
                    task_type="interval",
                    interval_seconds=1,
                    args=[number],
                    overlap="allow",
                    on_missed="skip" if number % 4 == 0 else "run_all",
                ),
                "mei",
                now + timedelta(milliseconds=190 * number),
            )
            for number in range(5)
        ]

    return make


def stop_all(rows: list[Schedule]) -> None:
    for row in rows:
        schedules.disable(row.id, "mei", utcnow())


def fires_of_each(rows: list[Schedule]) -> int:
    """How many fires every one of the schedules has had at least."""
    had = select(func.count(Run.id)).where(Run.schedule_id.in_([row.id for row in rows]))
    counts = db.session.scalars(had.group_by(Run.schedule_id)).all()
    return min(counts) if len(counts) == len(rows) else 0


def unsent() -> int:
    return int(db.session.scalar(select(func.count()).where(Run.outbox.is_not(None))) or 0)


def waiting(client: redis_client.Redis) -> Counter[str]:
    """How often each run's message waits, in whatever priority."""
    raw = [item for level in broker.keys().levels("default") for item in client.lrange(level.key, 0, -1)]
    return Counter(broker.parse(item, "default", 4).id for item in raw)


def assert_exactly_once(rows: list[Schedule], client: redis_client.Redis) -> None:
    """Every second has one run of each schedule, and every run that was not missed one message."""
    messages = waiting(client)
    sent = set()
    for row in rows:
        runs = db.session.scalars(select(Run).where(Run.schedule_id == row.id).order_by(Run.due_at)).all()
        moments = [run.due_at for run in runs]
        assert moments == seconds_from(moments[0], len(moments)), row.name
        assert moments[0] == row.anchor_at + ONE_SECOND
        assert len(moments) > 5
        caught_up = {states.PENDING} if row.on_missed == "run_all" else {states.PENDING, states.MISSED}
        assert {run.state for run in runs} <= caught_up
        counted = db.session.get(Schedule, row.id, populate_existing=True)
        assert counted is not None
        assert counted.run_count == sum(run.state == states.PENDING for run in runs)
        sent |= {run.id for run in runs if run.state == states.PENDING}
    assert set(messages) == sent
    assert set(messages.values()) == {1}


def seconds_from(first: datetime, count: int) -> list[datetime]:
    return [first + number * ONE_SECOND for number in range(count)]


def test_three_beats_that_are_killed_at_random(
    app: Flask, processes: Any, every_second: Any, eventually: Any, redis: redis_client.Redis
) -> None:
    chance = random.Random(20261120)
    processes.recorder()
    beats = [start_beat(processes) for _ in range(3)]
    eventually(lambda: beats_at_work(redis, beats) == 3, 60)
    rows = every_second()
    for _ in range(4):
        time.sleep(chance.uniform(0.1, 0.9))
        eventually(lambda: beats_at_work(redis, beats) >= 2, 60)
        processes.kill(beats.pop(chance.randrange(len(beats))), signal.SIGKILL)
        beats.append(start_beat(processes))
    eventually(lambda: beats_at_work(redis, beats) >= 1, 60)
    eventually(lambda: fires_of_each(rows) > 5)
    stop_all(rows)
    eventually(lambda: unsent() == 0, 30)
    assert_exactly_once(rows, redis)


def test_redis_and_the_database_go_away(
    app: Flask, processes: Any, every_second: Any, eventually: Any, own_redis: Any, database_away: Any
) -> None:
    processes.environment["CELERIAC_REDIS_URL"] = own_redis.url
    processes.recorder()
    beats = [start_beat(processes) for _ in range(2)]
    eventually(lambda: beats_at_work(own_redis.client, beats) == 2, 60)
    rows = every_second()
    eventually(lambda: fires_of_each(rows) > 1)
    own_redis.kill()
    time.sleep(OUTAGE_SECONDS)
    own_redis.start()
    eventually(lambda: fires_of_each(rows) > 4)
    with database_away():
        time.sleep(OUTAGE_SECONDS)
    eventually(lambda: fires_of_each(rows) > 7)
    with database_away():
        own_redis.kill()
        time.sleep(OUTAGE_SECONDS)
    own_redis.start()
    eventually(lambda: beats_at_work(own_redis.client, beats) == 2, 30)
    eventually(lambda: fires_of_each(rows) > 10)
    rows = [schedules.get(row.id) for row in schedules.everything()]
    stop_all(rows)
    eventually(lambda: unsent() == 0, 30)
    assert_exactly_once(rows, own_redis.client)
