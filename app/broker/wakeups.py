"""Wakes beats at once when a schedule changed; a beat that misses it looks by itself within a second."""

import logging
from collections.abc import Callable
from typing import Any

import redis

CHANNEL = "celeriac:schedules"
WAIT_SECONDS = 5.0

logger = logging.getLogger(__name__)


def wake(client: redis.Redis) -> None:
    """Tell every beat to look at its schedules; call it after the commit."""
    try:
        client.publish(CHANNEL, b"")
    except redis.RedisError as error:
        logger.warning("beats were not woken, they look by themselves: %s", error)


def listen(client: redis.Redis, on_wake: Callable[[], None], stopped: Callable[[], bool]) -> None:
    """Call `on_wake` for every wake-up, and once after subscribing; returns when `stopped()`.

    Raises `redis.RedisError` when the connection breaks: the caller listens again.
    """
    made: Any = client.pubsub(ignore_subscribe_messages=True)
    with made as pubsub:
        pubsub.subscribe(CHANNEL)
        on_wake()
        while not stopped():
            if pubsub.get_message(timeout=WAIT_SECONDS):
                on_wake()
