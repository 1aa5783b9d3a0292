"""Runs that wait, and what is said of them."""

from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask

from app import broker, runs
from app.clock import utcnow


@pytest.fixture
def submit(app: Flask) -> Callable[..., str]:
    """Submit a run as somebody: `submit(1, priority=7, queue="mail")`; returns its id."""

    def make(number: int = 0, by: str = "mei", **options: Any) -> str:
        request = runs.RunRequest("sample_tasks.plain", [number], requested_by=by, **options)
        return runs.submit(request, utcnow()).id

    return make


@pytest.fixture
def order() -> Callable[..., list[str]]:
    """The ids of a queue's line, the next first."""
    return lambda queue="default": [message.id for message in broker.page(queue, 0, 1000)]
