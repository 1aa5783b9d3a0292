"""The Redis connection and the key names of the broker, both as kombu derives them from the Celery app.

Where the queues lie in RabbitMQ, Redis holds the rest: events, heartbeats, pauses and which copies count.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from functools import wraps
from pathlib import Path
from typing import Any, ParamSpec, TypeVar, cast

import redis
from celery import Celery
from flask import Flask, current_app
from flask_babel import gettext as _
from kombu.connection import Connection
from redis.commands.core import Script
from redis.maint_notifications import MaintNotificationsConfig

from app.broker import ownership, repair
from app.broker.priority import PRIORITY_STEPS
from app.errors import BrokerUnavailable, NotFound
from celeriac_agent import redis_urls
from celeriac_agent.keys import Keys, keys_of

SOCKET_TIMEOUT_SECONDS = 5
CONNECT_TIMEOUT_SECONDS = 2
CONNECTIONS_MAX = 100
MEND_AGAIN_SECONDS = 10.0
CHECK_AGAIN_SECONDS = 5.0  # while the broker belongs to another app
UNCHECKED = {"newcomers", "search", "claim"}  # scripts that change nothing, and a worker's own
LUA_FOLDER = Path(__file__).with_name("lua")

_there: ContextVar["Broker | None"] = ContextVar("broker", default=None)

P = ParamSpec("P")
R = TypeVar("R")


@dataclass(frozen=True)
class Broker:
    """What one Flask app needs to talk to its broker."""

    redis: redis.Redis
    keys: Keys
    scripts: dict[str, Script]
    guarded: bool = False  # its client itself knows what it may do

    def run(self, name: str, keys: Sequence[str], args: Sequence[Any]) -> Any:
        """Run the script `lua/NAME.lua` in one atomic step; one that changes something only where we may."""
        if name not in UNCHECKED and not self.guarded:
            require_own()
        return self.scripts[name](keys=keys, args=args)

    def items(self, key: str, start: int, stop: int) -> list[bytes]:
        """LRANGE of a list of messages."""
        return cast(list[bytes], self.redis.lrange(key, start, stop))

    def take_out(self, key: str, raw: bytes) -> bool:
        """Remove the first message with exactly these bytes, searched from the end that is taken next."""
        if not self.guarded:
            require_own()
        return bool(self.redis.lrem(key, -1, raw))  # type: ignore[arg-type]  # redis-py's types forbid bytes


def client(app: Flask | None = None) -> redis.Redis:
    """The pooled client of the broker's Redis, of the given or the current Flask app.

    It connects on first use and is safe across threads and forks. Every command has a time limit of a few
    seconds, so blocking reads must block for less. Commands are sent once: an answer lost on the way
    raises `redis.ConnectionError`, it is not asked for again.
    """
    return broker(app).redis


def keys(app: Flask | None = None) -> Keys:
    """The key names in use by the given or the current Flask app."""
    return broker(app).keys


@contextmanager
def at(there: Broker) -> Iterator[None]:
    """Let all that reads and changes queues do so there, for this moment, not in the app's own broker."""
    token = _there.set(there)
    try:
        yield
    finally:
        _there.reset(token)


def is_elsewhere() -> bool:
    """Whether this moment is spent at another broker than the app's own; see `at`."""
    return _there.get() is not None


def broker(app: Flask | None = None) -> Broker:
    if app is None and (there := _there.get()):
        return there
    flask_app = app or current_app
    connection = flask_app.extensions.get("broker")
    if connection is None:
        connection = flask_app.extensions.setdefault("broker", _made_for(flask_app))
    assert isinstance(connection, Broker)  # noqa: S101 -- extensions are untyped; only this module sets the entry
    return connection


def reset(app: Flask | None = None) -> None:
    """Close the connections and forget them; the next use makes new ones (after a fork, between tests)."""
    flask_app = app or current_app
    connection = flask_app.extensions.pop("broker", None)
    if connection is not None:
        connection.redis.connection_pool.disconnect()


def reaches_broker(function: Callable[P, R]) -> Callable[P, R]:
    """Give what can go wrong between us and Redis its name; see `named_errors`.

    Where a key holds what somebody sent to a queue of its name, that is put right first.
    """

    @wraps(function)
    def wrapper(*args: P.args, **kwargs: P.kwargs) -> R:
        with named_errors():
            try:
                return function(*args, **kwargs)
            except redis.ResponseError as error:
                if not (repair.is_needed(error) and _mend_again()):
                    raise
            return function(*args, **kwargs)

    return wrapper


@reaches_broker
def other_app() -> ownership.OtherApp | None:
    """The Celery app to which the broker belongs; None where it is ours, or we were told to share it.

    What was ours stays ours while this process lives. Raises `BrokerUnavailable`.
    """
    extensions: dict[str, Any] = current_app.extensions
    look_at, stranger = extensions.get("broker_other_app", (float("-inf"), None))
    if time.monotonic() >= look_at:
        stranger = ownership.find_other_app(client(), keys(), current_app.config["SETTINGS"])
        look_at = time.monotonic() + CHECK_AGAIN_SECONDS if stranger else float("inf")
        extensions["broker_other_app"] = look_at, stranger
    other: ownership.OtherApp | None = stranger
    return other


def require_own() -> None:
    """Raise `BelongsToAnother` where the broker is another app's."""
    if other := other_app():
        raise ownership.BelongsToAnother(other)


def mend() -> set[str]:
    """Put right what lies where no queue can be (see `repair`); the ids of runs whose messages did."""
    with named_errors():
        repair.mend(client(), keys())
        return repair.set_aside_ids(client(), keys())


def _mend_again() -> bool:
    """Whether anything was put right, which is looked for every ten seconds: it walks over all keys."""
    if is_elsewhere():
        return False
    extensions: dict[str, Any] = current_app.extensions
    if time.monotonic() - extensions.get("broker_mended_at", float("-inf")) < MEND_AGAIN_SECONDS:
        return False
    extensions["broker_mended_at"] = time.monotonic()
    if other_app():
        return False
    return repair.mend(client(), keys())


@contextmanager
def named_errors() -> Iterator[None]:
    """Turn redis-py's connection errors into BrokerUnavailable, a key that holds no queue into NotFound."""
    try:
        yield
    except (redis.ConnectionError, redis.TimeoutError) as error:
        raise BrokerUnavailable(_("Redis does not answer: %(error)s", error=error)) from error
    except redis.ResponseError as error:
        if not repair.is_needed(error):
            raise
        raise NotFound(_("There is no queue of this name.")) from error


def _to_redis(flask_app: Flask) -> Any:
    """Kombu's connection to Redis, unopened: Celery's own, or with its options beside a RabbitMQ."""
    celery_app: Celery = flask_app.extensions["celery"]
    settings = flask_app.config["SETTINGS"]
    if not settings.uses_rabbitmq:
        return celery_app.connection_for_write()
    options = {"priority_steps": PRIORITY_STEPS, **settings.celery_redis_options}
    return Connection(settings.celery_redis_url, transport_options=options)


def _made_for(flask_app: Flask) -> Broker:
    channel, url = channel_of(_to_redis(flask_app)), flask_app.config["SETTINGS"].redis
    client = _behind_sentinels(url) if redis_urls.is_sentinel(url) else _client_of(channel)
    return Broker(client, keys_of(channel), scripts_of(client))


def _behind_sentinels(url: str) -> redis.Redis:
    return redis_urls.client(
        url,
        socket_timeout=SOCKET_TIMEOUT_SECONDS,
        socket_connect_timeout=CONNECT_TIMEOUT_SECONDS,
        max_connections=CONNECTIONS_MAX,
        maint_notifications_config=MaintNotificationsConfig(enabled=False),  # as below
    )


def _client_of(channel: Any) -> redis.Redis:
    options = dict(channel._connparams())
    options["socket_timeout"] = options.get("socket_timeout") or SOCKET_TIMEOUT_SECONDS
    if "path" not in options:
        options["socket_connect_timeout"] = options.get("socket_connect_timeout") or CONNECT_TIMEOUT_SECONDS
    options["max_connections"] = CONNECTIONS_MAX
    # With these notifications on (the default with RESP3) the pool no longer notices, when it hands out
    # a connection, that the server has closed it.
    options["maint_notifications_config"] = MaintNotificationsConfig(enabled=False)
    return redis.Redis(connection_pool=redis.ConnectionPool(**options))


def scripts_of(client: redis.Redis) -> dict[str, Script]:
    """The scripts beside this module, by name; they are loaded when first used."""
    return {path.stem: client.register_script(path.read_text()) for path in LUA_FOLDER.glob("*.lua")}


def channel_of(connection: Any) -> Any:
    """A kombu channel that knows its options but was never opened: kombu's own constructor would connect."""
    transport = connection.transport
    channel = transport.Channel.__new__(transport.Channel)
    channel.connection = transport
    for name in channel.from_transport_options:
        if name in connection.transport_options:
            setattr(channel, name, connection.transport_options[name])
    return channel
