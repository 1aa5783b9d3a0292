"""How deep each queue was over the last two hours: one sample every thirty seconds, kept in Redis.

A sample lies in the slot of its half minute, and a slot is used again after two hours: several processes that
sample write the same one, and a queue never has more than `SLOTS` of them. What nobody samples expires.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from app.broker import adapter
from app.broker.connection import client, keys, reaches_broker

SLOT_SECONDS = 30
KEPT = timedelta(hours=2)
_SAMPLE = re.compile(rb"\d{1,12} \d{1,12} \d{1,12}")
SLOTS = int(KEPT.total_seconds()) // SLOT_SECONDS


@dataclass(frozen=True, slots=True)
class Sample:
    """How much waited and was held in the half minute from `at`."""

    at: datetime
    waiting: int
    held: int


def slot_of(moment: datetime) -> int:
    """The number of the half minute in which a moment lies."""
    return int(moment.timestamp()) // SLOT_SECONDS


@reaches_broker
def sample(queues: Sequence[str], now: datetime) -> None:
    """Note how deep the queues are; costs the same however long they are. Raises `BrokerUnavailable`."""
    depths, slot = adapter.depths(queues), slot_of(now)
    pipe = client().pipeline(transaction=False)
    for queue, depth in depths.items():
        pipe.hset(keys().samples(queue), str(slot % SLOTS), f"{slot} {depth.waiting} {depth.held}")
        pipe.expire(keys().samples(queue), KEPT)
    pipe.execute()


@reaches_broker
def samples(queues: Sequence[str], since: datetime, now: datetime) -> dict[str, list[Sample]]:
    """The samples of each queue from `since` (two hours ago at most) to `now`, oldest first; one round trip.

    Half minutes in which nothing was sampled are missing.
    """
    last = slot_of(now)
    slots = range(max(slot_of(since), last - SLOTS + 1), last + 1)
    if not slots:
        return {queue: [] for queue in queues}
    pipe = client().pipeline(transaction=False)
    for queue in queues:
        pipe.hmget(keys().samples(queue), [str(slot % SLOTS) for slot in slots])
    answers: Any = pipe.execute()
    return {queue: _read(slots, values) for queue, values in zip(queues, answers, strict=True)}


def _read(slots: range, values: Sequence[bytes | None]) -> list[Sample]:
    """The samples of the wanted slots; what is left of two hours ago is not among them."""
    counted = [
        tuple(map(int, value.split())) for value in values if value is not None and _SAMPLE.fullmatch(value)
    ]
    return [
        Sample(datetime.fromtimestamp(slot * SLOT_SECONDS, UTC), waiting, held)
        for slot, waiting, held in counted
        if slot in slots
    ]
