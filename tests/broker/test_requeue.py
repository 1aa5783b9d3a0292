"""A message that a consumer gives back keeps its level, whoever it was and however it was published."""

import json
from collections.abc import Callable
from typing import Any, cast

import pytest
from celery import Celery
from flask import Flask
from kombu import Consumer, Producer, Queue
from redis.exceptions import ConnectionError as RedisConnectionError

from app import broker

LEVELS = [(6, "first"), (3, "second"), (6, "third")]  # in Redis's numbers: 0 goes first


@pytest.mark.parametrize("in_batch", [False, True])
def test_what_is_given_back_stays_behind_what_is_more_urgent(
    app: Flask, celery_app: Celery, in_batch: bool
) -> None:
    queue = Queue("default", routing_key="default")
    got: list[Any] = []
    with celery_app.connection_for_write() as connection, connection.channel() as channel:
        producer = Producer(channel, serializer="json")

        def publish(priority: int, body: str) -> None:
            producer.publish(body, routing_key="default", declare=[queue], priority=priority)

        if in_batch:
            with producer.batch():
                for priority, body in LEVELS:
                    publish(priority, body)
        else:
            for priority, body in LEVELS:
                publish(priority, body)
        consumer = Consumer(channel, [queue], on_message=got.append)
        with consumer:
            for _ in range(3):
                connection.drain_events(timeout=2)
        assert [one.payload for one in got] == ["second", "first", "third"]
        assert not broker.depth("default")
        for one in got:
            one.requeue()
        publish(0, "fourth")
        got.clear()
        with consumer:
            for _ in range(4):
                connection.drain_events(timeout=2)
        assert [one.payload for one in got] == ["fourth", "second", "first", "third"]
        for one in got:
            one.ack()


def test_a_priority_beyond_the_levels_counts_as_the_nearest(app: Flask, celery_app: Celery) -> None:
    with celery_app.connection_for_write() as connection, connection.channel() as channel:
        producer = Producer(channel, serializer="json")
        for priority in (313, -5):
            producer.publish("x", routing_key="default", declare=[Queue("default")], priority=priority)
    assert broker.depths(["default"])["default"].by_priority == {9: 1, 0: 1}


@pytest.mark.parametrize("others", [[], ["mail"]])
def test_what_comes_to_who_takes_no_more_stays_in_line(
    celery_only: Celery, send: Callable[..., str], others: list[str]
) -> None:
    """In an answer that is under way. A worker that shuts down reads no other before its runs have ended."""
    level = broker.keys().level("default", 4).key
    got: list[Any] = []
    with celery_only.connection_for_read() as connection, connection.channel() as channel:
        consumer = Consumer(channel, [Queue(name) for name in ("default", *others)], on_message=got.append)
        consumer.consume()
        with pytest.raises(TimeoutError):
            connection.drain_events(timeout=0.01)  # Redis has been asked, and owes an answer
        send("later")
        assert not broker.depth("default")
        consumer.cancel_by_queue("default")
        if others:  # it goes on with them
            connection.drain_events(timeout=2)
        (raw,) = cast("list[bytes]", broker.client().lrange(level, 0, -1))
        message = json.loads(raw)
        assert message["headers"]["id"] == "later"
        assert "redelivered" not in message["headers"]
        assert (broker.unacked(), got) == ({}, [])


@pytest.mark.parametrize(("act", "left"), [("requeue", 1), ("reject", 0), ("ack", 0)])
def test_who_got_a_message_hears_that_redis_is_away_and_tries_again(
    make_app: Callable[..., Flask], own_redis: Any, act: str, left: int
) -> None:
    """What is consumed is settled by the next consumer; of what was got nobody else knows."""
    app = make_app(own_redis.url, own_redis.folder)
    with app.app_context(), app.extensions["celery"].connection_for_write() as connection:
        channel = connection.channel()
        queue = Queue("default")(channel)
        Producer(channel, serializer="json").publish("x", routing_key="default", declare=[queue])
        message = queue.get()
        own_redis.kill()
        with pytest.raises(RedisConnectionError):
            getattr(message, act)()
        own_redis.start()
        getattr(message, act)()
        assert not broker.unacked()
        assert broker.depth("default") == left
        broker.reset()
    app.extensions["celery"].close()
