"""What a worker left that died, by what was told of it; real deaths are tried with real workers elsewhere."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from flask import Flask

from app import broker, workers
from app.clock import utcnow
from app.runs import history, states
from app.runs.models import Run


def test_a_message_that_a_worker_told_of_is_no_orphan(
    app: Flask, celery_app: Any, heard: Callable[..., str], row: Callable[[str], Run]
) -> None:
    """A retry went back to its queue, and a worker that has just started keeps it until its time."""
    now = utcnow()
    worker, later = heard("w2@host"), (now + timedelta(hours=1)).isoformat()
    celery_app.send_task("sample_tasks.weekday", task_id="r1", queue="default", kwargs={"day": "x"})
    event = {"id": "r1", "task": "sample_tasks.weekday", "at": now.timestamp(), "attempt": 1, "eta": later}
    with celery_app.connection() as connection:
        assert connection.default_channel.basic_get("default")
        tell(event | {"type": "sent", "queue": "default"})
        assert row("r1").state == states.PENDING
        assert recovered(now) == ["r1"]  # nobody told of it: who took it is dead
        assert connection.default_channel.basic_get("default")
        tell(event | {"type": "received", "worker": worker})
        assert recovered(now) == []
        assert broker.depth("default") == 0


def tell(event: dict[str, Any]) -> None:
    history.record([event], lambda name, args, kwargs: (args, kwargs, []))


def recovered(now: datetime) -> list[str]:
    at = now + timedelta(seconds=45)
    return workers.recover(broker.client(), at, datetime.min.replace(tzinfo=UTC)).requeued
