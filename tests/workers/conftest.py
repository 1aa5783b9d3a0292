"""Workers that were heard of, without starting them."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask
from redis import Redis

from app.clock import utcnow
from app.heartbeats import APP_WORKERS, WORKERS


@pytest.fixture
def heard(redis: Redis) -> Callable[..., str]:
    """Write a worker's entry as it would itself: `heard("w1@host", slots=4, silent_seconds=60)`."""

    def write(
        hostname: str = "w1@host",
        silent_seconds: float = 0,
        key: str = WORKERS,
        field: str = "",
        **facts: Any,
    ) -> str:
        at = utcnow().timestamp() - silent_seconds
        entry = {
            "hostname": hostname, "state": "online", "heartbeat_at": at, "started_at": at - 60, "pid": 1,
            "pool": "prefork", "slots": 2, "queues": ["default"], "running": [], "finished": 0,
            "memory_bytes": 0, "load": 0.5, "versions": {"celery": "5.7.0"},
        }  # fmt: skip
        redis.hset(key, field or hostname, json.dumps(entry | facts))
        return hostname

    return write


@pytest.fixture
def theirs(app: Flask, heard: Callable[..., str], redis: Redis) -> Callable[..., None]:
    """Write a worker's entry as the agent does: `theirs("w@shop", silent_seconds=70, acks_late=True)`."""

    def write(hostname: str = "w@shop", name: str = "shop", **facts: Any) -> None:
        facts = {"v": 1, "app": name, "started_at": utcnow().timestamp() - 600} | facts
        heard(hostname, key=APP_WORKERS, field=f"{name} {hostname}", **facts)

    return write
