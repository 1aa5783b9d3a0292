"""Rows say what is held, whoever held it; newcomers past Celeriac are set aside."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import update

from app import broker
from app.broker import topics
from app.clock import utcnow
from app.extensions import transaction
from app.recorder import held_runs
from app.recorder.held_runs import LOOKS
from app.runs import Run, states

pytestmark = pytest.mark.database
Submit = Callable[..., str]
NOW = utcnow()


def test_the_rows_follow_what_is_held(submit: Submit, row: Any) -> None:
    keeper = held_runs.HeldRunSync()
    first, second = submit(), submit()
    broker.hold("default", first, "mei", "", NOW)
    version = topics.version(broker.client(), f"run:{first}")
    assert keeper.tick(NOW) == 1
    assert (row(first).state, row(second).state) == (states.HELD, states.PENDING)
    assert topics.version(broker.client(), f"run:{first}") != version
    assert keeper.tick(NOW) == 0
    broker.release("default", first)
    assert keeper.tick(NOW) == 1
    assert row(first).state == states.PENDING


def test_a_new_keeper_finds_what_was_released_while_nobody_looked(submit: Submit, row: Any) -> None:
    run_id = submit()
    broker.hold("default", run_id, "mei", "", NOW)
    held_runs.HeldRunSync().tick(NOW)
    broker.release("default", run_id)
    assert row(run_id).state == states.HELD
    later = NOW + timedelta(minutes=1)
    assert held_runs.HeldRunSync().tick(later) == 0  # its message may still have to be sent
    set_row(run_id, outbox=None)
    assert held_runs.HeldRunSync().tick(later) == 1
    assert row(run_id).state == states.PENDING


def test_a_row_that_is_recorded_after_its_message_was_seen(submit: Submit, row: Any) -> None:
    keeper = held_runs.HeldRunSync()
    broker.hold_new("default", "mei", "", NOW)
    run_id = submit()
    for _ in range(LOOKS - 1):
        keeper.tick(NOW)
    set_row(run_id, state=states.PENDING)
    assert keeper.tick(NOW) == 1
    assert row(run_id).state == states.HELD


def test_what_came_past_celeriac_is_set_aside(app: Flask, celery_app: Any, redis: Any) -> None:
    celery_app.send_task("sample_tasks.plain", [1], task_id="foreign")
    key = broker.keys().level("default", 4).key
    raw = redis.rpop(key)
    broker.hold_new("default", "mei", "", NOW)
    redis.lpush(key, raw)
    held_runs.HeldRunSync().tick(NOW)
    assert (broker.depth("default"), broker.held_ids("default")) == (0, {"foreign"})


def set_row(run_id: str, **values: Any) -> None:
    with transaction() as session:
        session.execute(update(Run).where(Run.id == run_id).values(**values))
