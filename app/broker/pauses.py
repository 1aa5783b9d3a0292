"""Paused queues and workers: kept in Redis, so that workers that start later obey too."""

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


@dataclass(frozen=True, slots=True)
class WorkerPause:
    """Who paused a worker, when and why."""

    hostname: str
    by: str
    at: datetime
    note: str


@reaches_broker
def pause(queue: str, by: str, note: str, now: datetime) -> Pause:
    """Pause a queue until somebody resumes it. A queue that is paused already keeps its first pause."""
    return Pause(queue, *_read(_keep_first(keys().paused, queue, by, note, now)))


@reaches_broker
def resume(queue: str) -> bool:
    """End a queue's pause; False when it was not paused."""
    return bool(client().hdel(keys().paused, queue))


@reaches_broker
def paused(queues: Sequence[str] | None = None) -> dict[str, Pause]:
    """The paused queues (None: all of them) by name. Cheap enough to ask once a second."""
    notes: Any = client().hgetall(keys().paused)
    pauses = {name: Pause(name, *_read(value)) for key, value in notes.items() if (name := _text(key))}
    return {name: pauses[name] for name in pauses if queues is None or name in queues}


@reaches_broker
def pause_worker(hostname: str, by: str, note: str, now: datetime) -> WorkerPause:
    """Let a worker take nothing more, whenever it starts, until somebody resumes it; as with `pause`."""
    return WorkerPause(hostname, *_read(_keep_first(keys().paused_workers, hostname, by, note, now)))


@reaches_broker
def resume_worker(hostname: str) -> bool:
    """End a worker's pause; False when it was not paused."""
    return bool(client().hdel(keys().paused_workers, hostname))


@reaches_broker
def paused_workers() -> dict[str, WorkerPause]:
    """The paused workers by hostname."""
    notes: Any = client().hgetall(keys().paused_workers)
    return {name: WorkerPause(name, *_read(value)) for key, value in notes.items() if (name := _text(key))}


def _text(name: bytes) -> str:
    return name.decode("utf-8", "replace")


def _keep_first(key: str, name: str, by: str, note: str, now: datetime) -> bytes:
    """Note a pause, unless there is one already; returns what is noted now."""
    pipe = client().pipeline(transaction=True)
    pipe.hsetnx(key, name, json.dumps({"by": by, "at": now.timestamp(), "note": note}).encode())
    pipe.hget(key, name)
    noted: bytes = pipe.execute()[1]
    return noted


def _read(value: bytes) -> tuple[str, datetime, str]:
    return facts_of(value, "by", "at", "note")


def facts_of(value: bytes, by: str, at: str, note: str) -> tuple[str, datetime, str]:
    """Who did it, when and why, by these names; what anybody else wrote there counts, but tells nothing."""
    try:
        facts = json.loads(value)
        return str(facts[by]), datetime.fromtimestamp(facts[at], UTC), str(facts[note])
    except (ValueError, KeyError, TypeError, OverflowError, OSError, RecursionError):
        return "?", datetime.fromtimestamp(0, UTC), ""
