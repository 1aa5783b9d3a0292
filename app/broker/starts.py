"""Counts in Redis how often processes start without having been stopped: one that dies again and again."""

import contextlib
import time
import uuid
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import redis

from app.broker.connection import reaches_broker

STARTS = "celeriac:starts"  # sorted set: kind, name and a token, by the epoch second of the start
WITHIN = timedelta(minutes=10)
TOO_OFTEN = 5


@dataclass(frozen=True)
class Restarting:
    """A process (`recorder`, `worker`, `beat`) that started so often lately without having been stopped."""

    kind: str
    name: str
    starts: int


def note(client: redis.Redis, kind: str, name: str) -> str:
    """A process starts; `name` is the same each time it does. Returns what `ended` takes."""
    mark, at = f"{kind} {uuid.uuid4().hex} {name}", time.time()
    with contextlib.suppress(redis.RedisError):  # what does not reach Redis cannot be counted there
        pipe = client.pipeline(transaction=False)
        pipe.zadd(STARTS, {mark: at})
        pipe.zremrangebyscore(STARTS, "-inf", at - WITHIN.total_seconds())
        pipe.execute()
    return mark


def ended(client: redis.Redis, mark: str) -> None:
    """The process was stopped as it should be: its start does not count."""
    with contextlib.suppress(redis.RedisError):
        client.zrem(STARTS, mark)


@reaches_broker
def again_and_again(client: redis.Redis, now: datetime) -> list[Restarting]:
    """What started more than `TOO_OFTEN` times in the last ten minutes. Raises `BrokerUnavailable`."""
    members: Any = client.zrangebyscore(STARTS, (now - WITHIN).timestamp(), "+inf")
    counts: dict[tuple[str, str], int] = {}
    for mark in members:
        kind, _, rest = mark.decode("utf-8", "replace").partition(" ")
        name = rest.partition(" ")[2]
        counts[kind, name] = counts.get((kind, name), 0) + 1
    return [Restarting(*key, number) for key, number in sorted(counts.items()) if number > TOO_OFTEN]
