"""Paused queues: kept in Redis, so that workers that start later obey too."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from app.broker.connection import client, keys, reaches_broker


@dataclass(frozen=True, slots=True)
class Pause:
    """Who paused a queue, when and why."""

    queue: str
    by: str
    at: datetime
    note: str


@reaches_broker
def pause(queue: str, by: str, note: str, now: datetime) -> Pause:
    """Pause a queue until somebody resumes it. A queue that is paused already keeps its first pause."""
    facts = json.dumps({"by": by, "at": now.timestamp(), "note": note}).encode()
    pipe = client().pipeline(transaction=True)
    pipe.hsetnx(keys().paused, queue, facts)
    pipe.hget(keys().paused, queue)
    return _read(queue, pipe.execute()[1])


@reaches_broker
def resume(queue: str) -> bool:
    """End a queue's pause; False when it was not paused."""
    return bool(client().hdel(keys().paused, queue))


@reaches_broker
def paused(queues: Sequence[str] | None = None) -> dict[str, Pause]:
    """The paused queues (None: all of them) by name. Cheap enough to ask once a second."""
    found: Any = client().hgetall(keys().paused)
    pauses = {name.decode(): _read(name.decode(), value) for name, value in found.items()}
    return {name: pauses[name] for name in pauses if queues is None or name in queues}


def _read(queue: str, value: bytes) -> Pause:
    facts = json.loads(value)
    return Pause(queue, facts["by"], datetime.fromtimestamp(facts["at"], UTC), facts["note"])
