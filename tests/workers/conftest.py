"""Workers that were heard of, without starting them."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from redis import Redis

from app.clock import utcnow
from app.heartbeats import WORKERS


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
