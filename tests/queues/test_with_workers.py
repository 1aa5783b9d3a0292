"""With a real worker and a real recorder: held, paused, moved and removed runs end as they should."""

import signal
from collections.abc import Callable
from typing import Any

import pytest
import sample_tasks
from flask import Flask

from app import broker, queues, runs
from app.clock import utcnow
from app.extensions import db
from app.runs import Run, states


@pytest.fixture
def state(app: Flask) -> Callable[[str], str | None]:
    def read(run_id: str) -> str | None:
        run = db.session.get(Run, run_id)
        return run.state if run else None

    return read


def test_what_others_send_is_held_and_released_run_by_run(
    app: Flask, processes: Any, state: Any, eventually: Any
) -> None:
    processes.recorder()
    queues.hold_new("default", "mei", "look at them first", utcnow())
    ids = [sample_tasks.plain.delay(n).id for n in range(3)]
    eventually(lambda: {state(run_id) for run_id in ids} == {states.HELD}, 20)
    processes.worker("-c", "1")
    queues.release("default", ids[1], utcnow())
    eventually(lambda: state(ids[1]) == states.SUCCESS, 20)
    assert [state(run_id) for run_id in ids] == [states.HELD, states.SUCCESS, states.HELD]
    queues.remove("default", ids[0], "mei", utcnow())
    queues.stop_holding_new("default", utcnow())
    queues.release_all("default", utcnow())
    eventually(lambda: state(ids[2]) == states.SUCCESS, 20)
    assert state(ids[0]) == states.REVOKED


def test_a_paused_queue_stays_paused_for_workers_that_start_later(
    app: Flask, processes: Any, state: Any, eventually: Any
) -> None:
    processes.recorder()
    first = processes.worker("-c", "1")
    queues.pause("default", "mei", "month end", utcnow())
    processes.goes_on()
    request = runs.RunRequest("sample_tasks.plain", [1])
    waiting = runs.submit(request, utcnow()).id
    other = runs.submit(runs.RunRequest("sample_tasks.plain", [2], queue="mail"), utcnow()).id
    eventually(lambda: state(other) == states.SUCCESS, 20)
    assert (state(waiting), broker.depth("default")) == (states.PENDING, 1)
    processes.kill(first, signal.SIGKILL)
    processes.worker("-c", "1")
    processes.goes_on()
    assert (state(waiting), broker.depth("default")) == (states.PENDING, 1)
    queues.resume("default", utcnow())
    eventually(lambda: state(waiting) == states.SUCCESS, 20)


def test_runs_that_were_moved_held_and_purged_while_a_worker_draws_all_end_once(
    app: Flask, processes: Any, state: Any, eventually: Any
) -> None:
    processes.recorder()
    ids = [
        runs.submit(runs.RunRequest("sample_tasks.sleep", kwargs={"seconds": 0.05}), utcnow()).id
        for _ in range(40)
    ]
    processes.worker("-c", "2")
    for run_id in reversed(ids[20:]):
        (held,) = queues.apply("default", [run_id], "hold", "mei", utcnow())
        if held.done:  # a worker may have been faster
            queues.apply("default", [run_id], "release", "mei", utcnow(), to="front")
        queues.apply("default", [run_id], "front", "mei", utcnow())
    purged = queues.purge("default", "mei", utcnow())
    if purged.removed:
        queues.restore("default", purged.token, utcnow())
    eventually(lambda: {state(run_id) for run_id in ids} == {states.SUCCESS}, 40)
    assert broker.depth("default") == 0
    assert broker.held_count("default") == 0
