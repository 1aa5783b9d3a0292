"""A RabbitMQ of another Celery app is left alone; one that was Celeriac's stays its own."""

from collections.abc import Iterator
from typing import Any

import pytest
from flask import Flask
from kombu import Connection

from app import broker, runs
from app.broker import ownership
from app.broker.rabbitmq import server
from app.clock import utcnow
from app.errors import Conflict
from app.runs import RunRequest


@pytest.fixture
def unmarked(app: Flask, rabbitmq_server: Any) -> Iterator[Any]:
    """A channel to the server, which does not say that it is Celeriac's, and has no queue of its library."""
    with Connection(rabbitmq_server.url) as connection, connection.channel() as channel:
        channel.exchange_delete(ownership.RABBITMQ_HOME)
        for queue in app.config["SETTINGS"].declared_queues:
            channel.queue_delete(queue)
        for exchange in ownership.OF_ANY_APP:
            channel.exchange_delete(exchange)
        app.extensions.pop("broker_other_app", None)
        yield channel
        channel.queue_delete("celery")
        for queue in app.config["SETTINGS"].declared_queues:
            channel.queue_delete(queue)
        server.make_exchange(ownership.RABBITMQ_HOME)
        app.extensions.pop("broker_other_app", None)
        app.extensions["celery"].amqp._producer_pool = None  # declares its queues anew


def test_a_server_that_is_free_becomes_ours(app: Flask, unmarked: Any) -> None:
    assert broker.other_app() is None
    assert server.has_exchange(ownership.RABBITMQ_HOME)


def test_one_with_the_queues_of_another_app_is_left_alone(app: Flask, unmarked: Any) -> None:
    unmarked.queue_declare("celery", durable=True, auto_delete=False)
    found = broker.other_app()
    assert found is not None
    assert found.evidence == "queues: celery"
    assert "CELERIAC_BROKER_URL" in found.advice
    for change in (
        lambda: runs.submit(RunRequest("sample_tasks.plain"), utcnow()),
        lambda: broker.purge("celery", utcnow()),
    ):
        with pytest.raises(Conflict) as refused:
            change()
        assert refused.value.code == "another-app"
    assert not server.has_exchange(ownership.RABBITMQ_HOME)


def test_one_where_workers_of_another_app_listen(app: Flask, unmarked: Any) -> None:
    unmarked.exchange_declare(ownership.PIDBOX, "fanout", durable=False, auto_delete=True)
    assert broker.other_app() is not None


def test_one_of_an_older_celeriac_is_ours(app: Flask, unmarked: Any) -> None:
    for queue in ("celery", "default", "files", "mail", "examples"):
        unmarked.queue_declare(queue, durable=True, auto_delete=False)
    assert broker.other_app() is None
