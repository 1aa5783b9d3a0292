"""Workers of other Celery apps on a broker that is ours: heard by Celery's own heartbeats, asked nothing."""

import base64
import json
from datetime import datetime
from typing import Any

import redis

from app import broker
from app.broker.connection import reaches_broker
from app.broker.heartbeats import WORKERS

STRANGERS = "celeriac:strangers"  # hash: hostname → when it was last heard, in epoch seconds
SILENT_SECONDS = 30.0
READ_AT_MOST = 500  # heartbeats in one look


@reaches_broker
def strangers(client: redis.Redis, now: datetime) -> list[str]:
    """The workers of other apps that were heard of within half a minute, by name; none known on RabbitMQ."""
    entries: Any = client.hgetall(STRANGERS)
    return sorted(
        name.decode("utf-8", "replace")
        for name, at in entries.items()
        if now.timestamp() - float(at) <= SILENT_SECONDS
    )


class Listener:
    """One a recorder; it listens only while somebody else has ever been here."""

    def __init__(self) -> None:
        self._heard: Any = None

    @reaches_broker
    def poll(self, client: redis.Redis, now: datetime) -> None:
        """Note whose heartbeats have come since the last look. Raises `BrokerUnavailable`."""
        if broker.capabilities().apart:
            return
        names: Any = client.hkeys(WORKERS)
        ours = {name.decode("utf-8", "replace") for name in names}
        others = broker.workers_seen(client, broker.keys()) - ours
        if not others:
            self.close()
            client.delete(STRANGERS)  # they said goodbye
            return
        if self._heard is None:
            self._heard = client.pubsub(ignore_subscribe_messages=True)
            database = client.connection_pool.connection_kwargs.get("db", 0)
            self._heard.psubscribe(f"/{database}.celeryev/worker.*")  # where kombu publishes them
        pipe = client.pipeline(transaction=False)
        for name in self._hostnames() & others:
            pipe.hset(STRANGERS, name, repr(now.timestamp()))
        pipe.execute()

    def close(self) -> None:
        """Listen no more."""
        if self._heard is not None:
            self._heard.close()
            self._heard = None

    def _hostnames(self) -> set[str]:
        hostnames = set()
        for _ in range(READ_AT_MOST):
            try:
                message = self._heard.get_message(timeout=0)
            except redis.RedisError:
                self.close()
                raise
            if message is None:
                break
            hostnames.add(_hostname(message["data"]))
        return hostnames - {""}


def _hostname(raw: bytes) -> str:
    """Whose heartbeat a message of kombu's is; empty for anything else."""
    try:
        event = json.loads(base64.b64decode(json.loads(raw)["body"]))
        return str(event["hostname"]) if event["type"].startswith("worker-") else ""
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return ""
