"""An app that has only a broker: the tests' real Redis, and a Celery app with Celeriac's configuration."""

import json
import os
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from celery import Celery
from celery.signals import after_task_publish, before_task_publish
from flask import Flask
from flask_babel import Babel
from kombu import Connection, pools
from redis import Redis

from app import broker
from app.broker.connection import require_own, reset
from app.broker.priority import number_for, to_broker
from app.broker.redis.patch import with_route
from app.broker.transport import install
from app.celery.factory import configuration
from app.config import Settings
from tests.launcher import Launched, Launcher

HERE = Path(__file__).resolve().parent
NOW = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)


def build_app(redis_url: str, data_dir: Path, **options: Any) -> Flask:
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


@pytest.fixture(autouse=True)
def no_recording() -> Iterator[None]:
    """These tests publish as foreign producers do: signals that other tests' apps connected say nothing."""
    signals = (before_task_publish, after_task_publish)
    connected = [one.receivers for one in signals]
    for one in signals:
        one.receivers = []
        one.sender_receivers_cache.clear()
    yield
    for one, receivers in zip(signals, connected, strict=True):
        one.receivers = receivers
        one.sender_receivers_cache.clear()


@pytest.fixture(scope="module")
def our_transport() -> None:
    """Celeriac's transport, also where others of this session connected before with kombu's, or RabbitMQ."""
    install()
    number_for(rabbitmq=False)
    pools.reset()


@pytest.fixture(scope="module")
def broker_flask(our_transport: None, redis_server: str, data_dir: Path) -> Iterator[Flask]:
    app = build_app(redis_server, data_dir)
    yield app
    reset(app)
    app.extensions["celery"].close()


@pytest.fixture
def make_app(our_transport: None) -> Callable[..., Flask]:
    return build_app


@pytest.fixture
def now() -> datetime:
    return NOW


@pytest.fixture
def celery_only(broker_flask: Flask, redis: Redis) -> Iterator[Celery]:
    """The Celery app, inside the Flask app's context, with an empty Redis."""
    with broker_flask.app_context():
        require_own()  # it is, when we come first
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
            priority=priority,
            **options,
        )
        return run_id

    return send


@pytest.fixture
def send_foreign(send: Callable[..., str]) -> Callable[..., str]:
    """Send a run as a producer that knows nothing of Celeriac: its message is pushed as kombu pushes it."""

    def send_foreign(run_id: str, priority: int = 5, queue: str = "default", **options: Any) -> str:
        send(run_id, priority, "elsewhere", **options)
        step = to_broker(priority)
        raw = broker.client().rpop(broker.keys().level("elsewhere", step).key)
        assert isinstance(raw, bytes)
        broker.client().lpush(broker.keys().level(queue, step).key, with_route(raw, queue))
        return run_id

    return send_foreign


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


@pytest.fixture
def executed(celery_only: Celery) -> Callable[[], list[str]]:
    """The ids of the runs that workers have started, in order."""
    return lambda: [run_id.decode() for run_id in broker.client().lrange("executed", 0, -1)]  # type: ignore[union-attr]


@pytest.fixture
def worker(
    redis_server: str, data_dir: Path, tmp_path: Path, launcher: Launcher
) -> Iterator[Callable[..., Launched]]:
    """Start real Celery workers: `worker("-P", "solo", queues="default,mail")`; they are killed at the end.

    `transport="kombu"` is one that knows nothing of Celeriac.
    """
    started: list[Launched] = []

    def start(
        *options: str, queues: str = "default", transport: str = "ours", url: str = redis_server
    ) -> Launched:
        quiet = ["--without-gossip", "--without-mingle", "--without-heartbeat", "-l", "INFO"]
        name = f"w{len(started)}@test"
        command = ["celery", "-A", "drawing", "worker", "-n", name, "-Q", queues, *quiet, *options]
        environment = {"DRAWING_REDIS_URL": url, "DRAWING_DATA_DIR": str(data_dir)}
        environment |= {"DRAWING_TRANSPORT": transport}
        environment |= {"PYTHONPATH": f"{HERE}{os.pathsep}{HERE.parent.parent}"}
        log = tmp_path / f"worker-{len(started)}.log"
        started.append(launcher.start(command, log, os.environ | environment, HERE))
        return started[-1]

    yield start
    for process in started:
        process.end()
