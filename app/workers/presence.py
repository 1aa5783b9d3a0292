"""Reads the heartbeats that workers write: no broadcast, one Redis command for all of them."""

import json
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import redis
from flask_babel import gettext as _

from app.celery.presence import WORKERS
from app.errors import BrokerUnavailable, NotFound

OFFLINE_SECONDS = 10.0  # five heartbeats missed
SOLO_POOL = "solo"  # its loop stands still while a task runs: silence says nothing then


@dataclass(frozen=True)
class Worker:
    """A worker as it last told of itself."""

    hostname: str
    state: str  # online or offline
    heartbeat_at: datetime
    started_at: datetime
    pid: int
    pool: str
    slots: int
    queues: list[str]
    running: list[dict[str, Any]] = field(default_factory=list)
    finished: int = 0
    memory_bytes: int = 0
    load: float = 0.0
    versions: dict[str, str] = field(default_factory=dict)

    @property
    def online(self) -> bool:
        return self.state == "online"


def listing(client: redis.Redis, now: datetime) -> list[Worker]:
    """Every worker that was ever heard of and not cleared, by name; raises `BrokerUnavailable`."""
    try:
        entries: Any = client.hgetall(WORKERS)
    except redis.RedisError as error:
        raise BrokerUnavailable(_("Redis does not answer: %(error)s", error=error)) from error
    return sorted(
        (_worker(json.loads(raw), now) for raw in entries.values()), key=lambda worker: worker.hostname
    )


def find(client: redis.Redis, hostname: str, now: datetime) -> Worker:
    """One worker; raises `NotFound`."""
    for worker in listing(client, now):
        if worker.hostname == hostname:
            return worker
    raise NotFound(_("There is no worker %(name)s.", name=hostname[:80]))


def _worker(entry: dict[str, Any], now: datetime) -> Worker:
    heartbeat_at = datetime.fromtimestamp(entry["heartbeat_at"], UTC)
    silent = (now - heartbeat_at).total_seconds() > OFFLINE_SECONDS
    patient = entry["pool"] == SOLO_POOL and entry["running"]
    state = "offline" if entry["state"] == "offline" or (silent and not patient) else "online"
    times = {"heartbeat_at": heartbeat_at, "started_at": datetime.fromtimestamp(entry["started_at"], UTC)}
    return Worker(**entry | {"state": state} | times)
