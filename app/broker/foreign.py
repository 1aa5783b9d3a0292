"""The Redis of another app: read with the functions of our own, and changed only where that is allowed."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import redis
from flask_babel import gettext as _
from kombu.connection import Connection
from redis.backoff import NoBackoff
from redis.client import Pipeline
from redis.maint_notifications import MaintNotificationsConfig
from redis.retry import Retry

from app import broker_urls
from app.broker import connection, priority
from app.broker.connection import Broker
from app.errors import BrokerUnavailable
from celeriac_agent.keys import keys_of

ANSWER_SECONDS = 3.0
CONNECT_SECONDS = 2.0
# All that looking needs; nothing else is sent before changes are allowed, whatever asks for it.
READS = frozenset(
    (
        *("LLEN", "LRANGE", "LINDEX", "LPOS", "TYPE", "SCAN", "EXISTS", "MEMORY USAGE", "MULTI", "EXEC"),
        *("SMEMBERS", "HLEN", "HEXISTS", "HKEYS", "HMGET", "HSCAN", "HGETALL", "ZCARD", "ZRANGE", "ZSCORE"),
        *("PING", "INFO", "CLIENT LIST", "PUBSUB NUMSUB", "WATCH", "UNWATCH", "TIME"),
    )
)


class _Guard:
    """Lets only commands through that change nothing, or asks whether it may."""

    may_change: Callable[[], None]

    def execute_command(self, *args: Any, **options: Any) -> Any:
        """As redis-py's."""
        if str(args[0]).upper() not in READS:
            self.may_change()
        return super().execute_command(*args, **options)  # type: ignore[misc]  # redis-py's, beside it


class _GuardedPipeline(_Guard, Pipeline):
    pass


class _GuardedRedis(_Guard, redis.Redis):
    def pipeline(self, transaction: bool = True, shard_hint: str | None = None) -> Pipeline:
        """As redis-py's, guarded too."""
        made = _GuardedPipeline(self.connection_pool, self.response_callbacks, transaction, shard_hint)
        made.may_change = self.may_change
        return made


def connect(url: str, options: Mapping[str, Any], may_change: Callable[[], None]) -> Broker:
    """The broker of this URL, with kombu's transport options; it connects on first use.

    `may_change` raises where nothing may be changed; it is asked before each command that could.
    """
    channel = connection.channel_of(kombu_connection(url, options))
    client = _GuardedRedis(connection_pool=_pool(channel))
    client.may_change = may_change
    return Broker(client, keys_of(channel), connection.scripts_of(client), guarded=True)


def kombu_connection(url: str, options: Mapping[str, Any]) -> Any:
    """Kombu's connection, unopened, through kombu's own transport."""
    plain, given = broker_urls.split(url)
    limits = {"socket_timeout": ANSWER_SECONDS, "socket_connect_timeout": CONNECT_SECONDS}
    made = Connection(
        plain, transport_options={**options, **given, **limits}, connect_timeout=CONNECT_SECONDS
    )
    made.transport_cls = broker_urls.KOMBUS_OWN.get(made.transport_cls, made.transport_cls)
    return made


@contextmanager
def at(there: Broker) -> Iterator[None]:
    """Ask and change queues there instead of here. Raises `BrokerUnavailable`, also for want of rights."""
    try:
        with connection.at(there), priority.of_redis(), connection.named_errors():
            yield
    except BrokerUnavailable as error:
        if isinstance(error.__cause__, redis.exceptions.AuthenticationError):
            raise refused_sign_in(error.__cause__) from error
        raise
    except redis.exceptions.NoPermissionError as error:
        raise no_right(error) from error
    except redis.exceptions.ResponseError as error:
        raise BrokerUnavailable(_("The broker refused this: %(error)s", error=error)) from error


def refused_sign_in(error: BaseException) -> BrokerUnavailable:
    """For a server that does not take the user or the password."""
    words = _("The broker refuses the user or the password of its URL: %(error)s", error=error)
    return BrokerUnavailable(words)


def no_right(error: BaseException) -> BrokerUnavailable:
    """For a server whose user may not do this."""
    return BrokerUnavailable(_("The broker's URL has no right to this: %(error)s", error=error))


def _pool(channel: Any) -> redis.ConnectionPool:
    if hasattr(channel, "_sentinel_managed_pool"):
        pool: redis.ConnectionPool = channel._sentinel_managed_pool()
        return pool
    options = dict(channel._connparams()) | {"retry": Retry(NoBackoff(), 0)}
    options["maint_notifications_config"] = MaintNotificationsConfig(enabled=False)
    return redis.ConnectionPool(**options)
