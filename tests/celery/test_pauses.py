"""What a worker on RabbitMQ does when it is asked to obey the pauses while it waits for RabbitMQ's answer."""

from types import SimpleNamespace
from typing import Any

import pytest
import redis as redis_client
from celery import Celery
from flask import Flask
from kombu import Connection, Consumer, Queue

from app.broker import keys
from app.celery import remote
from app.celery.rabbitmq import Pauses
from app.clock import utcnow
from celeriac_agent import presence

QUEUES = ("default", "files", "mail")


class Waiting(Consumer):  # type: ignore[misc]  # kombu ships no types
    """Does something else while it waits for the broker, as py-amqp does with whatever arrives."""

    meanwhile: Any = None
    meanwhile_added: Any = None

    def add_queue(self, queue: Any) -> Any:
        if self.meanwhile_added:
            self.meanwhile_added()
        return super().add_queue(queue)

    def consume(self, no_ack: Any = None) -> None:
        super().consume(no_ack)
        if self.meanwhile:
            self.meanwhile()


@pytest.fixture
def consumer(app: Flask, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setattr(remote, "_obey_pauses", lambda: False)
    theirs = Celery("pauses", broker="memory://", set_as_current=False)
    theirs.conf.task_queues = [Queue(name) for name in QUEUES]
    theirs.Task.flask_app = app
    with Connection("memory://") as connection:
        tasks = Waiting(connection.default_channel, list(theirs.conf.task_queues), callbacks=[print])
        yield SimpleNamespace(app=theirs, hostname="w1@test", pool=None, task_consumer=tasks)


def test_the_same_is_asked_for_within(consumer: Any, redis: redis_client.Redis) -> None:
    tasks = consumer.task_consumer
    step = Pauses(consumer)
    redis.hset(keys().paused_workers, "w1@test", f'{{"at": "{utcnow().isoformat()}"}}')
    assert step._obey(consumer) is True
    assert tasks.queues == []
    tasks.meanwhile = lambda: step._obey(consumer)
    redis.delete(keys().paused_workers)
    assert step._obey(consumer) is False
    assert {queue.name for queue in tasks.queues} == set(QUEUES)
    assert set(tasks._active_tags) == set(QUEUES)


def test_the_opposite_is_asked_for_within(consumer: Any, redis: redis_client.Redis) -> None:
    tasks = consumer.task_consumer
    step = Pauses(consumer)
    redis.hset(keys().paused, "mail", "{}")
    step._obey(consumer)

    def pause_all() -> None:
        tasks.meanwhile = None
        redis.hset(keys().paused_workers, "w1@test", "{}")
        assert step._obey(consumer) is True

    tasks.meanwhile = pause_all
    redis.delete(keys().paused)
    assert step._obey(consumer) is True
    assert tasks._active_tags == {}


def test_a_heartbeat_in_between_tells_all_that_the_worker_listens_to(
    consumer: Any, redis: redis_client.Redis
) -> None:
    tasks, told = consumer.task_consumer, []
    step = Pauses(consumer)
    redis.hset(keys().paused, "mail", "{}")
    step._obey(consumer)
    tasks.meanwhile_added = lambda: told.append(presence.listens_to(consumer))
    redis.delete(keys().paused)
    step._obey(consumer)
    assert told == [sorted(QUEUES)]
