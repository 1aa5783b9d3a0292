"""Workers take one message for each free slot, so what does not run can be moved; and obey their pause."""

import json
import signal
from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask
from redis import Redis

from app import broker
from app.clock import utcnow
from app.heartbeats import WORKERS

Submit = Callable[..., str]


def told(redis: Redis, hostname: str = "w1@test") -> dict[str, Any]:
    raw: Any = redis.hget(WORKERS, hostname)
    entry: dict[str, Any] = json.loads(raw)
    return entry


@pytest.mark.parametrize("pool", ["prefork", "threads"])
def test_what_does_not_run_can_still_be_moved(
    processes: Any, submit: Submit, eventually: Any, redis: Redis, tmp_path: Any, pool: str
) -> None:
    processes.worker("-P", pool, "-c", "2")
    for task in ("touch_and_wait", "touch_and_wait_once"):
        folder = tmp_path / task
        folder.mkdir()
        ids = [
            submit(task, path=str(folder / str(n)), until=str(folder / "go on" if n < 2 else folder))
            for n in range(8)
        ]
        eventually(lambda ids=ids: {one["id"] for one in told(redis)["running"]} == set(ids[:2]))
        processes.goes_on()  # time enough to take more, were it to do so
        assert [message.id for message in broker.page("default")] == ids[2:]
        assert set(broker.unacked()) <= set(ids[:2])
        moved = broker.move("default", ids[7], to="front")
        assert moved.position == 1
        (folder / "go on").touch()
        eventually(lambda folder=folder: len(list(folder.iterdir())) == 9 and not broker.unacked())
        at = {path.name: path.stat().st_mtime_ns for path in folder.iterdir()}
        assert at["7"] < at["3"]


def test_a_paused_worker_takes_nothing_even_after_a_restart(
    processes: Any, submit: Submit, eventually: Any
) -> None:
    first = processes.worker("-c", "1")
    broker.pause_worker("w1@test", "mei", "", utcnow())
    processes.goes_on()
    submit("plain", a=1)
    processes.goes_on()
    assert broker.depth("default") == 1
    processes.kill(first, signal.SIGKILL)
    processes.worker("-c", "1")
    processes.goes_on()
    assert broker.depth("default") == 1
    broker.resume_worker("w1@test")
    eventually(lambda: broker.depth("default") == 0)


def test_a_worker_that_finishes_its_runs_before_it_leaves_is_not_taken_for_dead(
    app: Flask, processes: Any, submit: Submit, eventually: Any, redis: Redis, tmp_path: Any
) -> None:
    worker = processes.worker("-c", "1")
    submit("touch_and_wait", path=str(tmp_path / "run"), until=str(tmp_path / "go on"))
    eventually(lambda: told(redis)["running"])
    worker.send_signal(signal.SIGTERM)
    eventually(lambda: told(redis).get("stopping"))
    processes.goes_on()
    assert told(redis)["running"]
    (tmp_path / "go on").touch()
    worker.wait(60)
    assert told(redis)["state"] == "offline"
