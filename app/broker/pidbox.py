"""Celery's remote control of another app's workers, over that app's own broker.

The workers answer to a list that is read until it is empty: nothing is bound or declared for it, so nothing
of it stays. Lists that late answers may still come to are written down in our own Redis.
"""

import time
from collections.abc import Callable, Collection, Iterable, Mapping
from datetime import datetime
from functools import partial
from typing import Any, TypeVar
from uuid import uuid4

import redis
from amqp.exceptions import AccessRefused, AMQPError, NotAllowed
from amqp.exceptions import NotFound as NoExchange
from flask_babel import gettext as _
from kombu.entity import Exchange, Queue
from kombu.exceptions import OperationalError
from kombu.messaging import Producer

from app.broker import foreign
from app.broker.connection import client, reaches_broker
from app.errors import BrokerUnavailable

PATIENCE_SECONDS = 1.0  # for all answers; a worker of the pool solo gives none while it works
POLL_SECONDS = 0.02
OWED_SECONDS = 3600.0
OWED = "celeriac:owed-answers:"  # hash: list that late answers may still come to → since when
_PIDBOX = Exchange("celery.pidbox", type="fanout", durable=False, delivery_mode="transient")

_SIGN_IN = (AccessRefused, NotAllowed, redis.exceptions.AuthenticationError)

Commands = Mapping[str, Mapping[str, Any]]  # by name, with their arguments
T = TypeVar("T")


def over(url: str, options: Mapping[str, Any], act: Callable[[Any], T]) -> T:
    """What is done over a connection of its own. Raises `BrokerUnavailable`."""
    connection = foreign.kombu_connection(url, options)
    try:
        with connection:
            connection.ensure_connection(max_retries=1, interval_start=0, timeout=foreign.CONNECT_SECONDS)
            return act(connection)
    except (OperationalError, AMQPError, OSError, redis.exceptions.NoPermissionError) as error:
        if isinstance(why := error.__cause__ or error, redis.exceptions.NoPermissionError):
            raise foreign.no_right(why) from error
        if isinstance(error, _SIGN_IN) or isinstance(error.__cause__, _SIGN_IN):
            raise foreign.refused_sign_in(error.__cause__ or error) from error
        raise BrokerUnavailable(_("The broker does not answer: %(error)s", error=error)) from error


def ask(
    connection: Any,
    app: str,
    commands: Commands,
    now: datetime,
    known: Collection[str] = (),
    only: bool = False,
    patience: float = PATIENCE_SECONDS,
) -> dict[str, dict[str, Any]]:
    """What each worker answered to each command, by its name; asked are all, or `only` those `known`.

    It is waited until all that are known have answered, or patience is at its end.
    """
    target = f"celeriac.answers.{uuid4().hex}"
    channel = connection.default_channel
    on_redis = _on_redis(connection)
    if on_redis:
        client().hset(OWED + app, target, repr(now.timestamp()))
    else:
        channel.queue_declare(target, exclusive=True, auto_delete=True, durable=False)
        if not _has_remote_control(connection):
            return {}
    to = sorted(known) if only else None
    tickets = {_send(channel, name, given, target, to): name for name, given in commands.items()}
    said: dict[str, dict[str, Any]] = {}
    deadline = time.monotonic() + patience
    complete = False
    while not complete and time.monotonic() < deadline:
        for ticket, answer in _answers(connection, target):
            for hostname, value in answer.items():
                said.setdefault(str(hostname), {})[tickets.get(ticket, "")] = value
        complete = bool(known) and all(len(said.get(name, ())) == len(commands) for name in known)
        time.sleep(0 if complete else POLL_SECONDS)
    if on_redis and complete:
        client().hdel(OWED + app, target)
    return said


def tell(connection: Any, command: str, to: list[str] | None = None, **arguments: Any) -> None:
    """Have every worker, or those named in `to`, do something, without an answer."""
    if _on_redis(connection) or _has_remote_control(connection):
        _send(connection.default_channel, command, arguments, "", to)


@reaches_broker
def forget_late_answers(app: str, url: str, options: Mapping[str, Any], now: datetime) -> None:
    """Take away what came when nobody waited for it any more."""
    owed: Any = client().hgetall(OWED + app)
    for name, since in owed.items():
        over(url, options, partial(_drain, name.decode()))
        if now.timestamp() - float(since) > OWED_SECONDS:
            client().hdel(OWED + app, name)


def _send(channel: Any, command: str, arguments: Mapping[str, Any], target: str, to: list[str] | None) -> str:
    """Publish a command, whose answers go to the queue `target`; returns the ticket they bear."""
    ticket = uuid4().hex
    reply = {"ticket": ticket, "reply_to": {"exchange": "", "routing_key": target}} if target else {}
    message: dict[str, Any] = {
        "method": command,
        "arguments": dict(arguments),
        "destination": to,
        "pattern": None,
        "matcher": None,
    }
    declared = [] if channel.connection.client.transport_cls == "amqp" else [_PIDBOX]
    Producer(channel).publish(
        message | reply,
        exchange=_PIDBOX.name,
        declare=declared,
        headers={"clock": 0, "expires": time.time() + PATIENCE_SECONDS},
        serializer="json",
        retry=False,
    )
    return ticket


def _answers(connection: Any, target: str) -> Iterable[tuple[str, dict[str, Any]]]:
    """What lies in the list of answers, taken out of it."""
    queue: Any = Queue(target)(connection.default_channel)
    message = queue.get(no_ack=True, accept=["json"])
    while message is not None:
        if isinstance(message.payload, dict):
            yield str(message.headers.get("ticket")), message.payload
        message = queue.get(no_ack=True, accept=["json"])


def _drain(target: str, connection: Any) -> None:
    for _one in _answers(connection, target):
        pass


def _on_redis(connection: Any) -> bool:
    return bool(connection.transport.driver_type == "redis")


def _has_remote_control(connection: Any) -> bool:
    try:
        with connection.channel() as channel:
            channel.exchange_declare(_PIDBOX.name, "fanout", passive=True)
    except NoExchange:
        return False
    return True
