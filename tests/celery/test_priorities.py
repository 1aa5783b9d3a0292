"""Priorities in code count as on the pages: 9 goes first, wherever it is said; what says nothing is 5."""

import json
from pathlib import Path
from typing import Any

import pytest
from celery import Celery
from flask import Flask
from redis import Redis

from app import broker, runs, schedules
from app.broker.transport import Channel
from app.clock import utcnow
from app.schedules import firing
from celeriac_agent.stream import STREAM


def test_nine_goes_first(
    app: Flask, redis: Redis, processes: Any, celery_app: Celery, eventually: Any, tmp_path: Path
) -> None:
    told = tmp_path / "order"
    processes.environment |= {"CELERIAC_TASKS": "priority_jobs", "ORDER_FILE": str(told)}
    processes.worker("-c", "1")
    celery_app.send_task("priority_jobs.sow", priority=9)
    eventually(lambda: told.exists() and "decorated 0\n" in told.read_text(), 60)
    assert told.read_text().splitlines() == [
        *("decorated 9", "more 9", "signature 8", "asked 7", "group 6", "none 5", "name 5", "group 4"),
        *("chain 3", "chain 3", "text 2", "retried 1", "retried 1", "decorated 0"),
    ]
    events = [json.loads(fields[b"e"]) for _, fields in redis.xrange(STREAM)]
    sent = [event["priority"] for event in events if event["type"] == "sent"]
    assert sorted(sent) == [0, 1, 1, 2, 3, 3, 4, 5, 5, 6, 7, 8, 9, 9, 9]


@pytest.mark.parametrize("priority", [9, 0, None])
def test_runs_and_fires_are_sent_with_theirs(app: Flask, priority: int | None) -> None:
    now = utcnow()
    request = runs.RunRequest("sample_tasks.plain", [1], priority=priority)
    run = runs.submit(request, now)
    definition = schedules.Definition(
        name="S", task_name="sample_tasks.plain", args=[1], task_type="interval", interval_seconds=60,
        priority=priority,
    )  # fmt: skip
    row = schedules.create(definition, "ada", now)
    firing.fire_due(row.next_run_at)
    expected = 5 if priority is None else priority
    waiting = broker.page("default")
    assert [message.priority for message in waiting] == [expected, expected]
    assert waiting[0].id == run.id
    # On the wire 0 goes first, so that plain workers and producers agree on what that means.
    assert {json.loads(message.raw)["properties"]["priority"] for message in waiting} == {9 - expected}


def test_what_is_given_back_keeps_its_priority(celery_app: Celery) -> None:
    for number in (2, 8):
        celery_app.send_task("sample_tasks.plain", [number], priority=number)
    with celery_app.connection_for_read() as connection, connection.channel() as channel:
        assert isinstance(channel, Channel)
        taken = [channel.basic_get("default") for _ in range(2)]
        assert [message.properties["priority"] for message in taken] == [8, 2]
        for message in taken:
            message.requeue()
    assert [message.priority for message in broker.page("default")] == [8, 2]


def test_what_is_no_number_is_refused(celery_app: Celery) -> None:
    with pytest.raises(ValueError, match="0 to 9, 9 goes first; not 'high'"):
        celery_app.tasks["sample_tasks.plain"].apply_async([1], priority="high")
    assert broker.page("default") == []


def test_messages_that_are_no_tasks_keep_kombus_numbers(celery_app: Celery, redis: Redis) -> None:
    with celery_app.connection_for_write() as connection:
        queue = connection.SimpleQueue("numbers")
        queue.put({"n": 1}, priority=3)
        message = queue.get(timeout=1)
        assert message.properties["priority"] == 3
        message.ack()
        queue.close()
