"""Who tells of a run's start: a prefork worker in one event with the end, or before it when the run lasts.

It does not wake up for that while it has none.
"""

import json
import time
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import redis as redis_client
from flask import Flask
from kombu.utils.uuid import uuid

from app.clock import utcnow
from celeriac_agent.stream import STREAM

SECONDS = 3.0
WAKE_UPS_A_SECOND = 9  # of which kombu's and Celery's own timers are about five


def stream(client: redis_client.Redis) -> list[tuple[int, dict[str, Any]]]:
    """All that was told, each with the millisecond in which it was."""
    return [(int(at.split(b"-")[0]), json.loads(fields[b"e"])) for at, fields in client.xrange(STREAM)]


def events(client: redis_client.Redis, run_id: str) -> list[dict[str, Any]]:
    return [event for _, event in stream(client) if event["id"] == run_id]


def kinds(client: redis_client.Redis, run_id: str) -> list[str]:
    return [event["type"] for event in events(client, run_id)]


@pytest.mark.parametrize(
    ("pool", "short"), [("prefork", []), ("solo", ["started"]), ("threads", ["started"])]
)
def test_a_short_run_and_a_long_one(
    app: Flask,
    celery_app: Any,
    redis: redis_client.Redis,
    processes: Any,
    eventually: Any,
    pool: str,
    short: list[str],
) -> None:
    processes.worker("-c", "2", "-P", pool)

    def quick_one() -> str:
        run_id: str = celery_app.send_task("examples.basic.add", kwargs={"x": 1, "y": 2}).id
        eventually(lambda: "succeeded" in kinds(redis, run_id), 20)
        return run_id if kinds(redis, run_id) == ["sent", *short, "succeeded"] else ""

    quick = eventually(quick_one, 20)  # on a busy machine some take longer than that
    end = events(redis, quick)[-1]
    assert end["received_at"] <= end["started_at"] <= end["at"]
    assert end["worker"] == "w1@test"

    slow = celery_app.send_task("examples.basic.slow", kwargs={"seconds": 2}).id
    eventually(lambda: "succeeded" in kinds(redis, slow), 20)
    assert [kind for kind in kinds(redis, slow) if kind in ("started", "succeeded")] == [
        "started",
        "succeeded",
    ]
    told_at = {event["type"]: at for at, event in stream(redis) if event["id"] == slow}
    assert told_at["succeeded"] - told_at["started"] > 1000  # it was not told with the end


def test_arguments_of_a_foreign_producer_come_with_the_end(
    app: Flask, redis: redis_client.Redis, processes: Any, eventually: Any
) -> None:

    processes.worker("-c", "1")
    run_id = uuid()
    with app.extensions["celery"].producer_or_acquire() as producer:
        producer.publish(
            [[], {"x": 1, "y": 2}, {}],
            routing_key="default",
            headers={"id": run_id, "task": "examples.basic.add", "lang": "py"},
            serializer="json",
        )
    eventually(lambda: "succeeded" in kinds(redis, run_id), 20)
    assert events(redis, run_id)[-1]["kwargs"] == {"x": 1, "y": 2}


def wake_ups(pid: int) -> int:
    """How often the threads of a process went to sleep so far."""
    statuses = [(task / "status").read_text() for task in Path(f"/proc/{pid}/task").iterdir()]
    lines = [line for text in statuses for line in text.splitlines() if line.startswith("voluntary_ctxt")]
    return sum(int(line.split()[1]) for line in lines)


def test_an_idle_worker_sleeps_and_tells_of_a_run_that_starts_later(
    app: Flask, celery_app: Any, redis: redis_client.Redis, processes: Any, eventually: Any
) -> None:
    worker = processes.worker("-c", "1")
    done = celery_app.send_task("examples.basic.add", kwargs={"x": 1, "y": 2}).id
    eventually(lambda: "succeeded" in kinds(redis, done), 20)
    processes.goes_on()
    began, before = time.monotonic(), wake_ups(worker.pid)
    time.sleep(SECONDS)
    assert (wake_ups(worker.pid) - before) / (time.monotonic() - began) < WAKE_UPS_A_SECOND

    late = utcnow() + timedelta(seconds=1)
    slow = celery_app.send_task("examples.basic.slow", kwargs={"seconds": 2}, eta=late).id
    eventually(lambda: "succeeded" in kinds(redis, slow))
    told_at = {event["type"]: at for at, event in stream(redis) if event["id"] == slow}
    assert told_at["received"] < told_at["started"]  # whose it is while its time has not come
    assert told_at["succeeded"] - told_at["started"] > 1000
