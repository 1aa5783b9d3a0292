"""Ends of runs at moments that a test chooses."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

import pytest
from flask import Flask

from app.extensions import transaction
from app.runs import statistics


@pytest.fixture
def ended(app: Flask) -> Callable[..., None]:
    """`ended(at, succeeded=…, failed=…)`: so many runs ended then, counted as the recorder does."""

    def run(at: datetime, state: str) -> dict[str, Any]:
        times = dict.fromkeys(("app", "sent_at", "eta_at", "started_at", "runtime_seconds"))
        return {"task_name": "t.a", "state": state, "attempt": 0, "queue": "default", "ended_at": at, **times}

    def count(at: datetime, succeeded: int = 0, failed: int = 0) -> None:
        with transaction():
            statistics.count([run(at, "SUCCESS")] * succeeded + [run(at, "FAILURE")] * failed)

    return count
