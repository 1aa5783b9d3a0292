"""Versions of what pages show: a page asks whether its topic moved (one GET) before it reads anything."""

import logging
from collections.abc import Iterable
from uuid import uuid4

import redis

PREFIX = "celeriac:topic:"
KEPT_SECONDS = 3600

logger = logging.getLogger(__name__)


def touch(client: redis.Redis, names: Iterable[str]) -> None:
    """Say that topics changed. A page that misses it because Redis is away reads afresh (see `version`)."""
    changed = uuid4().hex  # one command a topic: a recorder touches a thousand at a time
    try:
        pipe = client.pipeline(transaction=False)
        for name in names:
            pipe.set(PREFIX + name, changed, ex=KEPT_SECONDS)
        pipe.execute()
    except redis.RedisError as error:
        logger.warning("pages were not told of a change: %s", error)


def version(client: redis.Redis, name: str) -> str:
    """The topic's version: any change gives another. Empty, never the same as another, while Redis is off."""
    try:
        value = client.get(PREFIX + name)
    except redis.RedisError:
        return ""
    return value.decode() if isinstance(value, bytes) else "0"
