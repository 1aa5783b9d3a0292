"""Runs of an app whose broker is a RabbitMQ: sent to queues that are there, with its own priorities."""

from datetime import UTC, datetime
from typing import Any

import pytest
from flask import Flask
from kombu import Connection

from app import runs
from app.catalog import published
from app.clock import utcnow
from app.runs import RunRequest, states

TASK = {"name": "shop.charge", "fingerprint": "f", "queue": "orders", "parameters": []}


@pytest.fixture
def theirs(app: Flask, rabbitmq_server: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setattr(app.config["SETTINGS"], "brokers", {"shop": rabbitmq_server.url})
    document = {"v": 1, "delivery": {"broker": "amqp", "options": {}}, "tasks": [TASK]}
    published.take_in("shop", "d", document, datetime(2026, 11, 22, tzinfo=UTC))
    published.forget_what_was_read()
    with Connection(rabbitmq_server.url) as connection:
        connection.default_channel.queue_declare("orders", arguments={"x-max-priority": 10}, durable=True)
        yield connection
        connection.default_channel.queue_delete("orders")


def test_a_message_goes_to_the_queue_that_is_there(theirs: Any, row: Any) -> None:
    run = runs.submit(RunRequest("shop.charge", priority=8), utcnow())
    message = theirs.default_channel.basic_get("orders", no_ack=True)
    assert (message.headers["id"], message.headers["task"]) == (run.id, "shop.charge")
    assert message.properties["priority"] == 8
    assert (row(run.id).app, row(run.id).outbox) == ("shop", None)


def test_a_queue_that_is_not_there_is_refused(theirs: Any, row: Any) -> None:
    run = runs.submit(RunRequest("shop.charge", queue="nowhere"), utcnow())
    assert row(run.id).state == states.FAILURE
    assert "no queue nowhere" in row(run.id).error
    assert theirs.default_channel.basic_get("orders", no_ack=True) is None
