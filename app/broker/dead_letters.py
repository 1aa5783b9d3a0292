"""What cannot be worked with is set aside: kept where a developer finds it, and counted.

The names of what an event, heartbeat or catalog told that is not known here, too: the rest was worked with.
"""

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import redis

from app.broker.connection import reaches_broker

CATALOG, EVENT, HEARTBEAT, MESSAGE = "catalog", "event", "heartbeat", "message"
KINDS = (CATALOG, EVENT, HEARTBEAT, MESSAGE)
COUNTS = "celeriac:set-aside"  # hash: kind → how many there have ever been
KEPT = "celeriac:set-aside:kept"  # stream of the newest: kind, why, what
KEPT_MAX = 10_000
WHAT_MAX = 100_000  # bytes of each


@dataclass(frozen=True)
class SetAside:
    """How many of each kind were ever set aside, and when and why the last was; None when none is kept."""

    counts: dict[str, int]
    last_at: datetime | None = None
    last_why: str = ""

    @property
    def total(self) -> int:
        return sum(self.counts.values())


def set_aside(client: redis.Redis, kind: str, what: Any, why: str) -> None:
    """Count one more of a kind and keep it (bytes, or anything that JSON can say). Raises `RedisError`."""
    raw = what if isinstance(what, bytes) else json.dumps(what, default=repr).encode()
    pipe = client.pipeline(transaction=True)
    pipe.hincrby(COUNTS, kind, 1)
    pipe.xadd(
        KEPT,
        {"kind": kind, "why": why[:500].encode("utf-8", "replace"), "what": raw[:WHAT_MAX]},
        maxlen=KEPT_MAX,
    )
    pipe.execute()


@reaches_broker
def counted(client: redis.Redis) -> SetAside:
    """What was set aside so far. Raises `BrokerUnavailable`."""
    pipe = client.pipeline(transaction=False)
    pipe.hgetall(COUNTS)
    pipe.xrevrange(KEPT, count=1)
    counts, last = pipe.execute()
    by_kind = {kind.decode("utf-8", "replace"): int(number) for kind, number in counts.items()}
    if not last:
        return SetAside(by_kind)
    entry_id, fields = last[0]
    at = datetime.fromtimestamp(int(entry_id.split(b"-")[0]) / 1000, UTC)
    return SetAside(by_kind, at, fields.get(b"why", b"").decode("utf-8", "replace"))
