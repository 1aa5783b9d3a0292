"""Redis goes away while workers have runs in hand: they go on, finish them, and give none out twice."""

import time
from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask

from app import broker

RUN_SECONDS = 2.0


@pytest.mark.parametrize("pool", [("threads", "-c", "2"), ("prefork", "-c", "2"), ("solo",)])
def test_runs_in_hand_outlive_an_outage(
    make_app: Callable[..., Flask],
    own_redis: Any,
    worker: Any,
    executed: Any,
    until: Any,
    pool: tuple[str, ...],
) -> None:
    """An outage shorter than the run, and one that is still there when the run ends."""
    app = make_app(own_redis.url, own_redis.folder)
    celery_app = app.extensions["celery"]
    expected = []
    with app.app_context():
        process = worker("-P", *pool, queues="default", url=own_redis.url)
        for away in (0.0, RUN_SECONDS + 1.0):
            long, after = f"long {away}", f"after {away}"
            expected += [long, after]
            celery_app.send_task("demo.note", args=[RUN_SECONDS], task_id=long, queue="default")
            until(lambda long=long: long in executed(), 60)
            own_redis.kill()
            time.sleep(away)
            own_redis.start()
            celery_app.send_task("demo.note", task_id=after, queue="default")
            until(lambda after=after: after in executed(), 60)
            until(lambda: not broker.unacked())
            assert executed() == expected
        assert process.poll() is None
        broker.reset()
    celery_app.close()
