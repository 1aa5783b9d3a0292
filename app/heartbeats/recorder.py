"""What recorders say of themselves, in one Redis hash that pages and probes read."""

import os
import time
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import redis
from pydantic import BaseModel

from app.broker import heartbeats as hashes

SILENT_SECONDS = 15.0
MINUTE_SECONDS = 60.0


class RecorderEntry(BaseModel):
    """What must hold of a word that is read."""

    at: hashes.Moment
    per_minute: int = 0
    behind_seconds: float = 0.0
    failing: dict[str, str] = {}


@dataclass(frozen=True)
class RecorderStatus:
    """The last word of one recorder.

    `per_minute` is how many events it recorded in the minute before, `behind_seconds` by how much the stream
    was ahead of what all recorders have recorded. `alive`: it said so within the last 15 s. `failing` says of
    each part of its work that failed twice in a row or more why it last did.
    """

    name: str
    heartbeat_at: datetime
    per_minute: int
    behind_seconds: float
    alive: bool
    failing: dict[str, str] = field(default_factory=dict)


class Minute:
    """Counts what happened in the last minute, on a clock that never goes back; seconds are lumped."""

    def __init__(self) -> None:
        self._seconds: deque[tuple[int, int]] = deque()

    def add(self, number: int, at: float) -> None:
        """`number` things happened at `at` (seconds)."""
        if self._seconds and self._seconds[-1][0] == int(at):
            number += self._seconds.pop()[1]
        self._seconds.append((int(at), number))

    def count(self, at: float) -> int:
        """How many happened in the 60 seconds up to `at`; older ones are forgotten."""
        while self._seconds and self._seconds[0][0] <= int(at) - MINUTE_SECONDS:
            self._seconds.popleft()
        return sum(number for _, number in self._seconds)


def send_heartbeat(
    client: redis.Redis,
    name: str,
    recorded: int,
    per_minute: int,
    behind_seconds: float,
    failing: Mapping[str, str] | None = None,
) -> None:
    """Say that the recorder works. Raises `redis.RedisError`."""
    word: dict[str, Any] = {"at": time.time(), "recorded": recorded, "pid": os.getpid()}
    word |= {"per_minute": per_minute, "behind_seconds": round(behind_seconds, 3)}
    word |= {"failing": dict(failing or {})}
    hashes.send(client, hashes.RECORDERS, name, word)


def recorders(client: redis.Redis, now: datetime) -> list[RecorderStatus]:
    """Every recorder that was heard of, the latest first. Raises `BrokerUnavailable`."""
    entries = hashes.read(client, hashes.RECORDERS, RecorderEntry)
    return sorted(
        (_word(name, entry, now) for name, entry in entries.items()),
        key=lambda word: word.heartbeat_at,
        reverse=True,
    )


def _word(name: str, entry: dict[str, Any], now: datetime) -> RecorderStatus:
    heartbeat_at, alive = hashes.heard_at(entry["at"], now, SILENT_SECONDS)
    # A recorder of the version before this one does not tell the last two.
    numbers = entry.get("per_minute", 0), entry.get("behind_seconds", 0.0)
    return RecorderStatus(name, heartbeat_at, *numbers, alive, entry.get("failing", {}))
