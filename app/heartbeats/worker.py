"""Reads the heartbeats that workers write: no broadcast, one Redis command for all of them."""

from dataclasses import dataclass, field, fields
from datetime import UTC, datetime
from typing import Any

import redis
from flask_babel import gettext as _
from pydantic import BaseModel, Field

from app import broker
from app.broker import WorkerPause
from app.broker import heartbeats as hashes
from app.broker.run_ids import is_run_id
from app.errors import NotFound

OFFLINE_SECONDS = 10.0  # five heartbeats missed
SOLO_POOL = "solo"  # its loop stands still while a task runs: silence says nothing then
RESIZABLE_POOLS = ("prefork", "gevent", "eventlet")


class _Running(BaseModel):
    id: Any = None
    task: str | None = None
    started_at: hashes.Moment | None = None


class ToldByWorker(BaseModel):
    """What must hold of an entry that is read."""

    hostname: str = Field(min_length=1, max_length=255)
    state: str
    heartbeat_at: hashes.Moment
    started_at: hashes.Moment
    pid: int
    pool: str
    slots: int
    queues: list[str]
    running: list[_Running] = []
    finished: int = 0
    memory_bytes: int = 0
    load: float = 0.0
    versions: dict[str, str] = {}
    autoscale: list[int] | None = None
    stopping: bool = False


@dataclass(frozen=True)
class Worker:
    """A worker as it last told of itself; `autoscale` is [fewest, most] slots where it scales by itself."""

    hostname: str
    state: str  # online, paused or offline
    heartbeat_at: datetime
    started_at: datetime
    pid: int
    pool: str
    slots: int
    queues: list[str]
    running: list[dict[str, Any]] = field(default_factory=list)
    rates: dict[str, dict[str, Any]] = field(default_factory=dict)  # by task: its rate limit here
    finished: int = 0
    memory_bytes: int = 0
    load: float = 0.0
    versions: dict[str, str] = field(default_factory=dict)
    autoscale: list[int] | None = None
    stopping: bool = False  # it finishes what runs, then leaves
    pause: WorkerPause | None = None

    @property
    def online(self) -> bool:
        """Whether it is there; a paused worker is."""
        return self.state != "offline"

    @property
    def taking(self) -> bool:
        """Whether it takes runs from its queues."""
        return self.state == "online" and not self.stopping

    @property
    def busy(self) -> int:
        return min(self.slots, len(self.running))

    @property
    def resizable(self) -> bool:
        """Whether its pool can grow and shrink while it runs."""
        return self.pool in RESIZABLE_POOLS


def workers(client: redis.Redis, now: datetime) -> list[Worker]:
    """Every worker that was ever heard of and not cleared, by name; raises `BrokerUnavailable`."""
    told = hashes.read(client, hashes.WORKERS, ToldByWorker)
    pauses = broker.paused_workers() if told else {}
    return sorted(
        (read(entry, pauses.get(entry["hostname"]), now) for entry in told.values()),
        key=lambda worker: worker.hostname,
    )


def find_worker(client: redis.Redis, hostname: str, now: datetime) -> Worker:
    """One worker; raises `NotFound`."""
    for worker in workers(client, now):
        if worker.hostname == hostname:
            return worker
    raise NotFound(_("There is no worker %(name)s.", name=hostname[:80]))


def read(entry: dict[str, Any], pause: WorkerPause | None, now: datetime) -> Worker:
    """A worker from what it tells; what another version of Celeriac tells beside that is left out."""
    heartbeat_at, recent = hashes.heard(entry["heartbeat_at"], now, OFFLINE_SECONDS)
    patient = entry["pool"] == SOLO_POOL and entry["running"]
    gone = entry["state"] == "offline" or (not recent and not patient)
    state = "offline" if gone else "paused" if pause else "online"
    known = {name: value for name, value in entry.items() if name in _FIELDS}
    known["running"] = [  # what is no id makes no link
        one | ({} if is_run_id(one.get("id")) else {"id": None}) for one in entry.get("running", [])
    ]
    times = {"heartbeat_at": heartbeat_at, "started_at": datetime.fromtimestamp(entry["started_at"], UTC)}
    return Worker(**known | {"state": state, "pause": pause} | times)


_FIELDS = {one.name for one in fields(Worker)}
