"""The Redis of another app, which `CELERIAC_BROKERS` names; what lies there was sent by plain Celery."""

from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import pytest
import redis as redis_client
from celery import Celery
from flask import Flask
from kombu import Exchange, Producer, Queue

PREFIX = "p:"
DATABASE = 5  # of the tests' server


class Theirs:
    """The other app: its server, and a sender through kombu's own transport."""

    def __init__(self, client: redis_client.Redis, url: str) -> None:
        self.redis = client
        self._channel: Any = None
        self.sender = Celery("shop", broker=url, set_as_current=False)
        self.sender.conf.broker_transport_options = {"global_keyprefix": PREFIX}

    def connection(self) -> Any:
        """A connection through kombu's own transport: the name `redis` is ours in this process."""
        connection = self.sender.connection_for_write()
        connection.transport_cls = "kombu.transport.redis:Transport"
        return connection

    def send(self, *args: Any, queue: str = "celery", serializer: str = "json", **options: Any) -> str:
        """Send a message as the app's own code does; returns its id."""
        number = {"priority": options.pop("priority")} if "priority" in options else {}
        message = self.sender.amqp.as_task_v2(str(uuid4()), "shop.note", args, options)
        headers: dict[str, Any] = message.headers
        target = Queue(queue, Exchange(queue), routing_key=queue)
        self._channel = self._channel or self.connection().channel()
        Producer(self._channel, serializer=serializer).publish(
            message.body,
            exchange=target.exchange, routing_key=queue, declare=[target],
            headers=headers, **message.properties, **number,
        )  # fmt: skip
        return str(headers["id"])

    def close(self) -> None:
        if self._channel:
            self._channel.connection.client.release()

    def contents(self) -> dict[bytes, Any]:
        """All that lies there, byte for byte."""
        keys: Any = self.redis.keys("*")
        return {key: self.redis.dump(key) for key in keys}


@pytest.fixture
def theirs(app: Flask, redis_server: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Theirs]:
    there = redis_server.replace("?db=0", f"?db={DATABASE}")
    url = there.replace("unix://", "redis+socket://").replace("?db=", "?virtual_host=")
    named = {"shop": f"{url}&global_keyprefix={PREFIX}", "away": "redis://127.0.0.1:1/0"}
    monkeypatch.setattr(app.config["SETTINGS"], "brokers", named)
    client = redis_client.Redis.from_url(there)
    made = Theirs(client, url)
    yield made
    made.close()
    client.close()
