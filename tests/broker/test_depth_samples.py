"""The depth of queues over the last two hours."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from celery import Celery
from redis import Redis

from app import broker
from app.broker.depth_samples import SLOTS
from app.errors import BrokerUnavailable

HALF_MINUTE = timedelta(seconds=broker.SAMPLE_SECONDS)
HOUR = timedelta(hours=1)


def told(queue: str, since: datetime, now: datetime) -> list[tuple[datetime, int, int]]:
    return [(one.at, one.waiting, one.held) for one in broker.samples([queue], since, now)[queue]]


@pytest.fixture
def push(redis: Redis) -> Any:
    """Let so many more messages lie in a queue."""

    def work(count: int, key: str = "default") -> None:
        redis.rpush(key, *("{}" for _ in range(count)))

    return work


def test_samples_stand_in_their_order(celery_only: Celery, now: Any, push: Any) -> None:
    push(3)
    push(2, broker.keys().level("default", 4).key)
    push(1, broker.keys().held("default"))
    broker.sample(["default", "mail"], now)
    push(4)
    broker.sample(["default", "mail"], now + HALF_MINUTE)
    later = now + HALF_MINUTE
    assert told("default", now - HOUR, later) == [(now, 5, 1), (later, 9, 1)]
    assert told("mail", now - HOUR, later) == [(now, 0, 0), (later, 0, 0)]
    assert told("default", later, later) == [(later, 9, 1)]
    assert told("default", now - HOUR, now) == [(now, 5, 1)]


def test_two_samples_of_one_half_minute_are_one(celery_only: Celery, now: Any, push: Any) -> None:
    broker.sample(["default"], now)
    push(7)
    broker.sample(["default"], now + timedelta(seconds=29))
    assert told("default", now - HOUR, now + HOUR) == [(now, 7, 0)]


def test_a_queue_has_a_bounded_number_of_samples_and_forgets_the_old(
    celery_only: Celery, now: Any, redis: Redis
) -> None:
    for number in range(SLOTS + 20):
        broker.sample(["default"], now + number * HALF_MINUTE)
    assert redis.hlen(broker.keys().samples("default")) == SLOTS
    last = now + (SLOTS + 19) * HALF_MINUTE
    found = told("default", now, last)
    assert len(found) == SLOTS
    assert found[0][0] == now + 20 * HALF_MINUTE
    assert told("default", last + HOUR, last + 2 * HOUR) == []
    assert len(told("default", now, last + HOUR)) == SLOTS // 2


def test_what_nobody_samples_expires(celery_only: Celery, now: Any, redis: Redis) -> None:
    broker.sample(["default"], now)
    assert 7000 < int(redis.ttl(broker.keys().samples("default"))) <= 7200  # type: ignore[arg-type]  # not async


def test_nothing_sampled_is_nothing_told(celery_only: Celery, now: Any) -> None:
    assert broker.samples(["default", "mail"], now - HOUR, now) == {"default": [], "mail": []}
    assert broker.samples([], now - HOUR, now) == {}
    assert broker.samples(["default"], now, now - HOUR) == {"default": []}
    broker.sample([], now)


def test_samples_are_no_queues(celery_only: Celery, now: Any) -> None:
    broker.sample(["default"], now)
    assert not {name for name in broker.known_queues() if "samples" in name}


def test_redis_is_away(celery_only: Celery, now: Any, make_app: Any, data_dir: Any) -> None:
    with make_app("redis://127.0.0.1:1", data_dir).app_context():
        with pytest.raises(BrokerUnavailable):
            broker.sample(["default"], now)
        with pytest.raises(BrokerUnavailable):
            broker.samples(["default"], now - HOUR, now)
