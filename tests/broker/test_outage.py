"""Redis goes away while workers have runs in hand: they go on, finish them, and give none out twice."""

import time
from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask

from app import broker


@pytest.mark.parametrize("away", [0.0, 6.0])  # seconds; the run takes four
@pytest.mark.parametrize("pool", [("threads", "-c", "2"), ("prefork", "-c", "2"), ("solo",)])
def test_runs_in_hand_outlive_an_outage(
    make_app: Callable[..., Flask],
    own_redis: Any,
    worker: Any,
    executed: Any,
    until: Any,
    pool: tuple[str, ...],
    away: float,
) -> None:
    app = make_app(own_redis.url, own_redis.folder)
    celery_app = app.extensions["celery"]
    with app.app_context():
        process = worker("-P", *pool, queues="default", url=own_redis.url)
        celery_app.send_task("demo.note", args=[4], task_id="long", queue="default")
        until(lambda: executed() == ["long"], 60)
        own_redis.kill()
        time.sleep(away)
        own_redis.start()
        celery_app.send_task("demo.note", task_id="after", queue="default")
        until(lambda: "after" in executed(), 60)
        until(lambda: not broker.unacked())
        assert executed() == ["long", "after"]
        assert process.poll() is None
        broker.reset()
    celery_app.close()
