"""Priorities in code count on RabbitMQ as they do on Redis, where `tests/celery` tries the same."""

from pathlib import Path
from typing import Any

from celery import Celery


def test_nine_goes_first(celery_app: Celery, processes: Any, eventually: Any, tmp_path: Path) -> None:
    told = tmp_path / "order"
    processes.environment |= {"CELERIAC_TASKS": "priority_jobs", "ORDER_FILE": str(told)}
    processes.worker("-c", "1")
    celery_app.send_task("priority_jobs.sow", priority=9)
    eventually(lambda: told.exists() and "decorated 0\n" in told.read_text(), 60)
    assert told.read_text().splitlines() == [
        *("decorated 9", "more 9", "signature 8", "asked 7", "group 6", "none 5", "name 5", "group 4"),
        *("chain 3", "chain 3", "text 2", "retried 1", "retried 1", "decorated 0"),
    ]
