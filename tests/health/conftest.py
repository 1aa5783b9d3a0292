"""Processes that tell of themselves."""

import json
import time
from collections.abc import Callable
from typing import Any

import pytest
import redis as redis_client


@pytest.fixture
def say(redis: redis_client.Redis) -> Callable[..., None]:
    """A process of a kind says that it works, as it would have so many seconds ago."""

    def said(key: str, name: str, age: float = 0.0, **more: Any) -> None:
        redis.hset(key, name, json.dumps({"at": time.time() - age, "pid": 1} | more))

    return said
