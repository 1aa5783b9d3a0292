"""The recorder is killed, or its database goes away, while runs go on: history has every one of them."""

import signal
import threading
import time
from collections.abc import Callable
from typing import Any

import pytest
import sample_tasks
from flask import Flask
from sqlalchemy import func, select

from app.extensions import db
from app.recorder.stream import GROUP
from app.runs import states
from app.runs.models import Run
from celeriac_agent.stream import STREAM

RUNS = 150


def succeeded() -> int:
    return int(db.session.scalar(select(func.count()).where(Run.state == states.SUCCESS)) or 0)


def send(pause: float) -> threading.Thread:
    """Send runs over some seconds, from another thread."""

    def work() -> None:
        for number in range(RUNS):
            sample_tasks.plain.delay(number)
            time.sleep(pause)

    thread = threading.Thread(target=work)
    thread.start()
    return thread


def test_killing_the_recorder_loses_nothing(
    app: Flask, processes: Any, eventually: Callable[..., Any]
) -> None:
    processes.worker()
    sender = send(pause=0.02)
    for _ in range(3):
        recorder = processes.recorder()
        seen = succeeded()
        db.session.rollback()
        eventually(lambda seen=seen: succeeded() > seen or not sender.is_alive())
        processes.kill(recorder, signal.SIGKILL)
    sender.join()
    processes.recorder()
    eventually(lambda: succeeded() == RUNS)
    assert db.session.scalar(select(func.count()).select_from(Run)) == RUNS


@pytest.mark.database
def test_a_database_that_goes_away_loses_nothing(
    app: Flask, processes: Any, eventually: Callable[..., Any], until: Any, redis: Any, database_away: Any
) -> None:
    processes.constants["app.extensions.BUSY_SECONDS"] = 0.5
    processes.worker()
    recorder = processes.recorder()
    sample_tasks.plain.delay("first")
    eventually(lambda: succeeded() == 1)
    with database_away():
        send(pause=0).join()
        until(
            lambda: "the recorder waits" in recorder.log.read_text()
        )  # a write failed, it did not only wait
        unrecorded: Any = redis.xinfo_groups(STREAM)
        assert unrecorded[0]["name"] == GROUP.encode()
        assert redis.xlen(STREAM) > RUNS
    eventually(lambda: succeeded() == RUNS + 1)
    eventually(lambda: redis.xlen(STREAM) == 1)
