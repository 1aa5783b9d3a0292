"""Messages to the workers of other apps, by task name, through the brokers that `CELERIAC_BROKERS` names.

Kombu's own transports are used, not ours: what lies there is another app's, in its own order.
"""

import json
from collections.abc import Mapping
from typing import Any

import redis
from celery import Celery
from flask import current_app
from flask_babel import gettext as _
from kombu.exceptions import EncodeError, OperationalError, SerializerNotInstalled

from app import broker_urls
from app.broker.priority import HIGHEST
from app.config import settings
from celeriac_agent.events import HEADER

CONNECT_SECONDS = 2.0
ANSWER_SECONDS = 5.0
RECENT_MAX = 2000  # messages of a queue that are looked through for one
_EXTENSION = "app_senders"


class _Sender(Celery):  # type: ignore[misc]  # Celery ships no types
    """A Celery app that only sends, through kombu's own transports."""

    def _connection(self, url: str, **options: Any) -> Any:
        connection = super()._connection(url, **options)
        name = connection.transport_cls
        connection.transport_cls = broker_urls.KOMBUS_OWN.get(name, name)
        return connection


class NotSendable(Exception):
    """A message can never be sent; the text says why."""


def publish(
    app_name: str,
    delivery: Mapping[str, Any],
    *,
    run_id: str,
    task_name: str,
    args: list[Any],
    kwargs: dict[str, Any],
    queue: str,
    priority: int | None,
    **more: Any,
) -> None:
    """Send a message as the app itself would; `delivery` is what its workers say of messages they read.

    `priority` counts as everywhere here, 9 first; none is sent where none is given. Raises `NotSendable`, and
    kombu's `OperationalError` while the broker does not answer.
    """
    sender = _sender(app_name, delivery)
    serializer = str(more.pop("serializer", "json"))
    message = sender.amqp.as_task_v2(run_id, task_name, args, kwargs, **more)
    headers = message.headers | {HEADER: {"sent_at": None, "priority": priority}}
    number = None if priority is None else {"priority": _theirs(priority, delivery)}
    with sender.connection_for_write() as connection:
        try:
            connection.ensure_connection(max_retries=1, timeout=CONNECT_SECONDS)
            _require_queue(connection, queue)
            connection.Producer(serializer=serializer).publish(
                message.body,
                exchange="",
                routing_key=queue,
                headers=headers,
                retry=False,
                **message.properties,
                **number or {},
            )
        except (EncodeError, SerializerNotInstalled) as error:
            raise NotSendable(f"{type(error).__name__}: {error}") from error
        except connection.recoverable_connection_errors as error:
            raise OperationalError(str(error)) from error


def is_out(app_name: str, delivery: Mapping[str, Any], run_id: str, queue: str) -> bool:
    """Whether a message waits there or a worker has it; on RabbitMQ nobody can tell, and it counts as not."""
    sender = _sender(app_name, delivery)
    with sender.connection_for_write() as connection:
        if connection.transport.driver_type != "redis":
            return False
        try:
            channel = connection.default_channel
            needle = json.dumps(run_id).encode()
            client: Any = redis.Redis(connection_pool=channel.client.connection_pool)  # adds no prefix
            prefix = channel.global_keyprefix
            steps = [queue, *(f"{queue}{channel.sep}{step}" for step in channel.priority_steps if step)]
            for key in steps:
                if any(needle in raw for raw in client.lrange(prefix + key, 0, RECENT_MAX)):
                    return True
            return any(needle in raw for raw in client.hvals(prefix + channel.unacked_key))
        except connection.recoverable_connection_errors as error:
            raise OperationalError(str(error)) from error


def revoke(app_name: str, delivery: Mapping[str, Any], run_id: str, terminate: bool, signal: str) -> None:
    """Tell the app's workers not to start a run, or to stop it. Raises kombu's `OperationalError`."""
    sender = _sender(app_name, delivery)
    with sender.connection_for_write() as connection:
        try:
            connection.ensure_connection(max_retries=1, timeout=CONNECT_SECONDS)
            sender.control.revoke(run_id, terminate=terminate, signal=signal, connection=connection)
        except connection.recoverable_connection_errors as error:
            raise OperationalError(str(error)) from error


def _sender(app_name: str, delivery: Mapping[str, Any]) -> Celery:
    options = dict(delivery.get("options") or {})
    kept = current_app.extensions.setdefault(_EXTENSION, {})
    made = kept.get(app_name)
    url, given = broker_urls.split(settings().brokers[app_name])
    options |= given
    if made is None or made.conf.broker_transport_options != _options(options):
        made = _Sender(app_name, set_as_current=False, changes={"broker_url": url})
        made.conf.broker_transport_options = _options(options)
        made.conf.broker_connection_timeout = CONNECT_SECONDS
        kept[app_name] = made
    return made


def _options(options: dict[str, Any]) -> dict[str, Any]:
    return options | {"socket_timeout": ANSWER_SECONDS, "socket_connect_timeout": CONNECT_SECONDS}


def _theirs(priority: int, delivery: Mapping[str, Any]) -> int:
    """The number that their broker knows: Redis takes 0 first. Kombu rounds it to their steps."""
    return HIGHEST - priority if delivery.get("broker") == "redis" else priority


def _require_queue(connection: Any, queue: str) -> None:
    """RabbitMQ would drop what goes to a queue that is not there, without a word."""
    if connection.transport.driver_type != "amqp":
        return
    try:
        with connection.channel() as channel:
            channel.queue_declare(queue, passive=True)
    except connection.channel_errors as error:
        raise NotSendable(_("Its RabbitMQ has no queue %(name)s.", name=queue)) from error
