"""A beat is killed with SIGKILL at each step of a fire: what was due happens exactly once all the same."""

import os
import signal
import traceback
from collections import Counter
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
import redis as redis_client
from flask import Flask

from app import broker
from app.broker.connection import reset
from app.extensions import db
from app.recorder.recorder import Recorder
from app.runs import outbox, row_writer, states
from app.schedules import firing
from app.schedules.buffer import Buffer

pytestmark = pytest.mark.database
DUE = 12


def die(*_: Any, **__: Any) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def dying_after(work: Callable[..., Any], calls: int = 1) -> Callable[..., Any]:
    """`work`, after whose n-th call the process dies."""
    left = [calls]

    def wrapped(*args: Any, **kwargs: Any) -> Any:
        done = work(*args, **kwargs)
        left[0] -= 1
        if left[0] <= 0:
            die()
        return done

    return wrapped


STAGES: dict[str, Callable[[], None]] = {
    "the runs are written, nothing is committed": lambda: setattr(
        row_writer, "insert_new", dying_after(row_writer.insert_new)
    ),
    "all is written, nothing is committed": lambda: setattr(firing, "_move_on", dying_after(firing._move_on)),
    "it is committed, nothing is sent": lambda: setattr(outbox, "send_many", die),
    "some messages are sent": lambda: setattr(
        outbox, "_publish_batch", dying_after(outbox._publish_batch, calls=2)
    ),
    "the messages are sent, which is not noted": lambda: setattr(outbox, "_settle", die),
    "the messages are sent, which is noted": lambda: setattr(
        outbox, "_settle", dying_after(outbox._settle, calls=3)
    ),
}


def in_a_process_that_dies(app: Flask, prepare: Callable[[], None], work: Callable[[], Any]) -> None:
    """Run `work` in a fork, on connections of its own, until it kills itself."""
    db.session.remove()
    child = os.fork()
    if child == 0:
        try:
            db.engine.dispose(close=False)
            reset(app)
            app.extensions["celery"]._after_fork()
            prepare()
            outbox.BATCH = 4
            work()
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(1)  # it should have died
    _, status = os.waitpid(child, 0)
    assert os.WIFSIGNALED(status)
    assert os.WTERMSIG(status) == signal.SIGKILL


def waiting() -> Counter[str]:
    return Counter(message.id for message in broker.page("default", 0, 1000))


def recover(app: Flask, redis: redis_client.Redis, at: datetime) -> None:
    """What the recorder does in the seconds after."""
    recorder = Recorder(app, redis, "test")
    recorder._reader.join()
    while recorder.step():
        pass
    db.session.remove()
    for seconds in (1, 6, 12):
        outbox.sweep(at + timedelta(seconds=seconds))
        while recorder.step():
            pass
        db.session.remove()


@pytest.mark.parametrize("stage", STAGES)
def test_a_beat_that_is_killed(
    app: Flask,
    redis: redis_client.Redis,
    make: Any,
    fire: Any,
    history: Any,
    now: datetime,
    stage: str,
) -> None:
    ids = [make(f"s{number:02}", overlap="allow").id for number in range(DUE)]
    due_at = now + timedelta(minutes=1)
    in_a_process_that_dies(app, STAGES[stage], lambda: firing.fire_due(due_at))
    fire(due_at + timedelta(seconds=1))  # another beat
    recover(app, redis, due_at)
    fire(due_at + timedelta(seconds=20))
    runs = [run for schedule_id in ids for run in history(schedule_id)]
    assert [run.due_at for run in runs] == [due_at] * DUE
    assert {run.state for run in runs} == {states.PENDING}
    assert all(run.sent_at for run in runs)
    assert waiting() == Counter(run.id for run in runs)


def test_a_beat_that_is_killed_while_it_releases_a_buffered_fire(
    app: Flask,
    redis: redis_client.Redis,
    make: Any,
    fire: Any,
    history: Any,
    end: Any,
    now: datetime,
) -> None:
    row_id = make(overlap="buffer_one").id
    for number in (1, 2):
        fire(now + timedelta(minutes=number))
    end(history(row_id)[0])
    at = now + timedelta(minutes=2)
    stage = STAGES["it is committed, nothing is sent"]
    in_a_process_that_dies(app, stage, lambda: Buffer().tick(at))
    assert Buffer().tick(at + timedelta(seconds=1)) == 0
    recover(app, redis, at)
    assert waiting() == Counter(run.id for run in history(row_id))


def test_a_beat_that_is_killed_while_it_sends_a_run_for_later(
    app: Flask, redis: redis_client.Redis, now: datetime
) -> None:
    from app import runs

    at = now + timedelta(minutes=1)
    run_id = runs.submit(runs.RunRequest("sample_tasks.plain", [1], run_at=at), now).id
    stage = STAGES["it is committed, nothing is sent"]
    in_a_process_that_dies(app, stage, lambda: outbox.send_scheduled(at))
    assert outbox.send_scheduled(at) == 0
    recover(app, redis, at)
    assert waiting() == Counter([run_id])
