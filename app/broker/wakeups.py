"""Wakes a process at once: a beat when a schedule changed, the recorder when a worker tells of its tasks.

One that misses it looks by itself within seconds.
"""

import logging
from collections.abc import Callable
from typing import Any

import redis

SCHEDULES = "celeriac:schedules"
WAIT_SECONDS = 5.0

logger = logging.getLogger(__name__)


def wake(client: redis.Redis, channel: str = SCHEDULES) -> None:
    """Tell every beat to look at its schedules, or whom else a channel wakes; call it after the commit."""
    try:
        client.publish(channel, b"")
    except redis.RedisError as error:
        logger.warning("who listens to %s was not woken, and looks by itself: %s", channel, error)


def listen(
    client: redis.Redis,
    on_wake: Callable[[], None],
    stopped: Callable[[], bool],
    channel: str = SCHEDULES,
) -> None:
    """Call `on_wake` for every wake-up, and once after subscribing; returns when `stopped()`.

    Raises `redis.RedisError` when the connection breaks: the caller listens again.
    """
    made: Any = client.pubsub(ignore_subscribe_messages=True)
    with made as pubsub:
        pubsub.subscribe(channel)
        on_wake()
        while not stopped():
            if pubsub.get_message(timeout=WAIT_SECONDS):
                on_wake()
