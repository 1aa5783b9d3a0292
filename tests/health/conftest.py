"""Processes that tell of themselves."""

import json
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import redis as redis_client
from flask import Flask

from app.pages import status_bar


@pytest.fixture
def say(redis: redis_client.Redis) -> Callable[..., None]:
    """A process of a kind says that it works, as it would have so many seconds ago."""

    def said(key: str, name: str, age: float = 0.0, **more: Any) -> None:
        redis.hset(key, name, json.dumps({"at": time.time() - age, "pid": 1} | more))

    return said


@pytest.fixture
def fresh(app: Flask) -> Iterator[None]:
    """What another test's pages have read is not kept, nor what this one's read."""
    status_bar.forget()
    yield
    status_bar.forget()
