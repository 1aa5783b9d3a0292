"""A Flask app that has only a broker: the tests' real Redis and a Celery app with Celeriac's configuration."""

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from celery import Celery
from flask import Flask
from flask_babel import Babel
from kombu import Connection
from redis import Redis

from app import broker
from app.broker.connection import reset
from app.broker.priority import to_broker
from app.celery.factory import configuration
from app.config import Settings

NOW = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)


def make_app(redis_url: str, data_dir: Path, **options: Any) -> Flask:
    """A Flask app whose broker is at the URL; `options` are kombu's transport options to add."""
    settings = Settings(redis_url=redis_url, data_dir=data_dir)
    app = Flask("broker-tests")
    Babel(app)
    celery_app = Celery("broker-tests", set_as_current=False)
    config = configuration(settings)
    config["broker_transport_options"] = config["broker_transport_options"] | options
    celery_app.config_from_object(config)
    app.config["SETTINGS"] = settings
    app.extensions["celery"] = celery_app
    return app


@pytest.fixture(scope="module")
def broker_flask(redis_server: str, data_dir: Path) -> Iterator[Flask]:
    app = make_app(redis_server, data_dir)
    yield app
    reset(app)
    app.extensions["celery"].close()


@pytest.fixture
def now() -> datetime:
    return NOW


@pytest.fixture
def celery_only(broker_flask: Flask, redis: Redis) -> Iterator[Celery]:
    """The Celery app, inside the Flask app's context, with an empty Redis."""
    with broker_flask.app_context():
        yield broker_flask.extensions["celery"]


@pytest.fixture
def send(celery_only: Celery) -> Callable[..., str]:
    """Send a run through Celery's real producer: `send("a", priority=5, queue="default")`; returns its id."""

    def send(run_id: str, priority: int = 5, queue: str = "default", args: Any = (), **options: Any) -> str:
        celery_only.send_task(
            options.pop("task", "demo.task"),
            args=args,
            task_id=run_id,
            queue=queue,
            priority=to_broker(priority),
            **options,
        )
        return run_id

    return send


@pytest.fixture
def order() -> Callable[..., list[str]]:
    """The ids of a queue's line, the next first, checked to be where the page says they are."""

    def order(queue: str = "default") -> list[str]:
        messages = broker.page(queue, 0, 1000)
        assert [message.position for message in messages] == list(range(1, len(messages) + 1))
        return [message.id for message in messages]

    return order


@pytest.fixture
def take(celery_only: Celery) -> Callable[..., str | None]:
    """Take the next message as a worker does: BRPOP over the keys in the order that kombu uses."""

    def take(queue: str = "default") -> str | None:
        client, names = broker.client(), broker.keys()
        answer = client.brpop([level.key for level in names.levels(queue)], timeout=0.01)
        return None if answer is None else json.loads(answer[1])["headers"]["id"]

    return take


@pytest.fixture
def consume(celery_only: Celery) -> Callable[..., list[Any]]:
    """Take every message of a queue through kombu's own consumer, with acknowledgement, in its order."""

    def consume(queue: str = "default") -> list[Any]:
        taken: list[Any] = []
        connection: Connection
        with celery_only.connection_for_read() as connection:
            channel = connection.channel()
            while (message := channel.basic_get(queue)) is not None:
                taken.append(message)
                message.ack()
            channel.close()
        return taken

    return consume
