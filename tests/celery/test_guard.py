"""Whatever lies in a queue, the worker goes on: it is set aside, counted, and the next message runs."""

import base64
import json
import uuid
from collections.abc import Callable
from typing import Any

import pytest
import redis as redis_client
from celery import Celery
from flask import Flask

from app.broker.dead_letters import KEPT, counted

BODY = base64.b64encode(json.dumps([[1], {}, {}]).encode()).decode()


def message(headers: Any, **properties: Any) -> str:
    return json.dumps(
        {
            "body": BODY,
            "content-encoding": "utf-8",
            "content-type": "application/json",
            "headers": headers,
            "properties": {
                "correlation_id": "x",
                "delivery_info": {"exchange": "", "routing_key": "default"},
                "priority": 0,
                "body_encoding": "base64",
                "delivery_tag": str(uuid.uuid4()),
            }
            | properties,
        }
    )


def about(**headers: Any) -> dict[str, Any]:
    return {"lang": "py", "task": "sample_tasks.plain", "id": str(uuid.uuid4())} | headers


DEADLY = [
    "not json",
    "[]",
    "5",
    "{}",
    b"\xff\xfe",
    '{"properties": []}',
    message(about(), delivery_info=None),
    message(about(), delivery_tag={}),
    message(about(), delivery_info={"exchange": [], "routing_key": "default"}),
    message(about(), body_encoding="rot13"),
    message("headers"),
    message(about(id={"a": 1})),
    message(about(id=["a"])),
    message(about(id=5)),
    message(about(task=["a"])),
    message(about(task={"a": 1})),
    message(about(eta={"a": 1})),
    message(about(expires=[1])),
    message(about(retries="x")),
    message(about(timelimit=5)),
    message(about(id="../../settings")),
    message(about(id="javascript:alert(1)")),
    message(about(id="x" * 10_000)),
    message(about(root_id={}, parent_id=[], group=5)),
]


@pytest.mark.parametrize("pool", ["prefork", "solo"])
def test_a_worker_outlives_what_is_no_message(
    app: Flask,
    celery_app: Celery,
    redis: redis_client.Redis,
    processes: Any,
    eventually: Callable[..., Any],
    pool: str,
) -> None:
    worker = processes.worker("-c", "1", "-P", pool)
    for raw in DEADLY:
        redis.lpush("default", raw)
    last = celery_app.send_task("sample_tasks.plain", args=[1]).id
    stream = "celeriac:events"
    ended = lambda: any(  # noqa: E731
        json.loads(fields[b"e"]).get("id") == last and b'"succeeded"' in fields[b"e"]
        for _id, fields in redis.xrange(stream)
    )
    eventually(ended, 25)
    assert worker.poll() is None
    assert redis.llen("default") == 0
    found = counted(redis)
    assert found.counts["message"] >= 15
    kept: list[bytes] = [fields[b"what"] for _id, fields in redis.xrange(KEPT)]
    for raw in (b"not json", b"[]", b"5", b"{}", b"\xff\xfe"):
        assert raw in kept
    eventually(lambda: redis.hlen("unacked") == 0, 20)
