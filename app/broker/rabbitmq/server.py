"""What RabbitMQ tells of its queues: how much waits in each. It can also empty them."""

import os
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from typing import Any, TypeVar

from amqp.exceptions import AMQPError
from amqp.exceptions import NotFound as NoQueue
from flask import Flask, current_app
from flask_babel import gettext as _
from kombu.connection import Connection, ConnectionPool
from kombu.exceptions import LimitExceeded, OperationalError

from app.config import Settings
from app.errors import BrokerUnavailable

CONNECTIONS_MAX = 10
CONNECT_TIMEOUT_SECONDS = 2
ANSWER_SECONDS = 5  # that a question may take, also while RabbitMQ blocks
_BROKEN = (OperationalError, LimitExceeded, AMQPError, OSError)

T = TypeVar("T")


def counts(queues: Sequence[str]) -> dict[str, int]:
    """How many messages wait in each queue; 0 for one that nobody has declared yet."""
    return {queue: size or 0 for queue, size in _ask(partial(_sizes, queues)).items()}


def exists(queue: str) -> bool:
    """Whether anybody has declared the queue."""
    return _ask(partial(_sizes, [queue]))[queue] is not None


def has_exchange(name: str) -> bool:
    """Whether anybody has declared the exchange."""

    def check(connection: Connection) -> bool:
        try:
            with connection.channel() as channel:
                channel.exchange_declare(name, "direct", passive=True)
        except NoQueue:
            return False
        return True

    return _ask(check)


def make_exchange(name: str) -> None:
    """Declare an exchange that stays."""

    def make(connection: Connection) -> None:
        with connection.channel() as channel:
            channel.exchange_declare(name, "direct", durable=True, auto_delete=False)

    _ask(make)


def empty(queue: str) -> int:
    """Remove everything that waits in the queue, for good; returns how many messages that were."""

    def purge(connection: Connection) -> int:
        try:
            with connection.channel() as channel:
                return int(channel.queue_purge(queue))
        except NoQueue:
            return 0

    return _ask(purge)


def version() -> str:
    """The name and version that the server gives itself."""

    def read(connection: Connection) -> str:
        properties = connection.connection.server_properties
        return f"{properties.get('product', 'AMQP')} {properties.get('version', '?')}"

    return _ask(read)


def reset(app: Flask | None = None) -> None:
    """Close the connections and forget them; the next question makes new ones."""
    pool = (app or current_app).extensions.pop("rabbitmq", None)
    if pool is not None and pool[0] == os.getpid():
        pool[1].force_close_all()


def _sizes(queues: Sequence[str], connection: Connection) -> dict[str, int | None]:
    """What waits in each queue; None for one that is not there."""
    sizes: dict[str, int | None] = {}
    channel = None
    for queue in queues:
        channel = channel or connection.channel()
        try:
            sizes[queue] = int(channel.queue_declare(queue, passive=True).message_count)
        except NoQueue:  # RabbitMQ closes the channel on which it is asked for what is not there
            sizes[queue] = channel = None
    if channel is not None:
        channel.close()
    return sizes


def _ask(question: Callable[[Connection], T]) -> T:
    """Ask over a pooled connection; with a new one if it turns out to have broken while it rested."""
    try:
        with _pool().acquire(block=True, timeout=ANSWER_SECONDS) as connection:
            if connection.connected:
                with suppress(*_BROKEN):
                    return _answer(connection, question)
            return _answer(connection, question)
    except _BROKEN as error:
        raise BrokerUnavailable(_("RabbitMQ does not answer: %(error)s", error=error)) from error


def _answer(connection: Connection, question: Callable[[Connection], T]) -> T:
    try:
        connection.ensure_connection(max_retries=1, interval_start=0, timeout=CONNECT_TIMEOUT_SECONDS)
        return question(connection)
    except BaseException:
        connection.collect()  # whatever it was in the middle of, nobody goes on with it
        raise


def _pool() -> ConnectionPool:
    """The pool of this process and app: a connection must not be shared over a fork."""
    extensions: dict[str, Any] = current_app.extensions
    if "rabbitmq" not in extensions or extensions["rabbitmq"][0] != os.getpid():
        extensions["rabbitmq"] = (
            os.getpid(),
            _connection(current_app.config["SETTINGS"]).Pool(CONNECTIONS_MAX),
        )
    pool: ConnectionPool = extensions["rabbitmq"][1]
    return pool


def _connection(settings: Settings) -> Connection:
    return Connection(
        settings.broker_url,
        heartbeat=0,  # RabbitMQ would close a connection that rests in the pool
        connect_timeout=CONNECT_TIMEOUT_SECONDS,
        transport_options={"read_timeout": ANSWER_SECONDS, "write_timeout": ANSWER_SECONDS, "max_retries": 1},
    )
