"""Reads the heartbeats that workers write: no broadcast, one Redis command for all of them."""

from dataclasses import dataclass, field, fields
from datetime import UTC, datetime
from typing import Any, Literal

import redis
from flask_babel import gettext as _
from pydantic import BaseModel, Field

from app import broker
from app.broker import WorkerPause
from app.broker import heartbeats as hashes
from app.broker.run_ids import is_run_id
from app.errors import NotFound
from celeriac_agent.settings import APP_MAX, OWN_APP

OFFLINE_SECONDS = 10.0  # five heartbeats missed
SOLO_POOL = "solo"  # its loop stands still while a task runs: silence says nothing then
RESIZABLE_POOLS = ("prefork", "gevent", "eventlet")


class _Running(BaseModel):
    id: Any = None
    task: str | None = None
    started_at: hashes.Moment | None = None


class WorkerEntry(BaseModel):
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
    rates: dict[str, dict[str, Any]] = {}
    finished: int = 0
    memory_bytes: int = 0
    load: float = 0.0
    versions: dict[str, str] = {}
    autoscale: list[int] | None = None
    stopping: bool = False
    catalog: str = Field("", max_length=64)
    checks: bool = False


class AppWorkerEntry(WorkerEntry):
    """The same for a worker of another app."""

    v: Literal[1]
    app: str = Field(min_length=1, max_length=APP_MAX)
    clock_seconds: float = 0.0
    broker: str = ""
    acks_late: bool = False
    acks_otherwise: list[str] = []
    returns_after: float | None = None
    obeys: list[str] = []


@dataclass(frozen=True)
class Worker:
    """A worker as it last told of itself; `autoscale` is [fewest, most] slots where it scales by itself.

    `app` is None for Celeriac's own. Of others it is known how many seconds their clock is ahead, which tasks
    acknowledge late (all of them, or none, but those that do `otherwise`), and after how many seconds the
    broker then gives back what a worker died with.
    """

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
    left: bool = False  # it said goodbye
    pause: WorkerPause | None = None
    app: str | None = None
    clock_seconds: float = 0.0
    acks_late: bool = False
    acks_otherwise: list[str] = field(default_factory=list)
    returns_after: float | None = None
    catalog: str = ""  # the digest of what it knows
    checks: bool = False  # whether it can be asked for the checks that only code makes
    obeys: list[str] = field(default_factory=list)  # which acts on its queues, where it is managed
    unknown: frozenset[str] = frozenset()  # the names of what it tells beside that

    @property
    def key(self) -> str:
        """The name under which it tells of itself."""
        return f"{self.app} {self.hostname}" if self.app else self.hostname

    @property
    def app_name(self) -> str:
        """Its app, by the name that is shown and asked for."""
        return self.app or OWN_APP

    @property
    def online(self) -> bool:
        """Whether it is there; a paused worker is."""
        return self.state != "offline"

    @property
    def silent(self) -> bool:
        """Whether it is gone without having said goodbye."""
        return not self.online and not self.left

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
    entries = hashes.read(client, hashes.WORKERS, WorkerEntry)
    pauses = broker.paused_workers() if entries else {}
    return sorted(
        (read(entry, pauses.get(entry["hostname"]), now) for entry in entries.values()),
        key=lambda worker: worker.hostname,
    )


def app_workers(client: redis.Redis, now: datetime, app: str | None = None) -> list[Worker]:
    """The same of other apps that have the agent, or of one `app`: by app and name."""
    entries = hashes.read(client, hashes.APP_WORKERS, AppWorkerEntry)
    workers_of_apps = (
        read(entry, None, now, AppWorkerEntry) for entry in entries.values() if app in (None, entry["app"])
    )
    return sorted(workers_of_apps, key=lambda worker: (worker.app or "", worker.hostname))


def find_worker(client: redis.Redis, hostname: str, now: datetime, app: str | None = None) -> Worker:
    """One worker of an app, or of any: Celeriac's own first. Raises `NotFound`."""
    ours = [] if app else workers(client, now)
    for worker in (*ours, *app_workers(client, now, app)):
        if worker.hostname == hostname:
            return worker
    raise NotFound(_("There is no worker %(name)s.", name=hostname[:80]))


def read(
    entry: dict[str, Any], pause: WorkerPause | None, now: datetime, shape: type[WorkerEntry] = WorkerEntry
) -> Worker:
    """A worker from what it tells; what another version tells beside that is left out."""
    heartbeat_at, recent = hashes.heard_at(entry["heartbeat_at"], now, OFFLINE_SECONDS)
    patient = entry["pool"] == SOLO_POOL and entry["running"] and not entry.get("app")
    gone = entry["state"] == "offline" or (not recent and not patient)
    state = "offline" if gone else "paused" if pause else "online"
    unknown = frozenset(entry.keys() - shape.model_fields.keys())
    known = {name: value for name, value in entry.items() if name in _FIELDS and name not in unknown}
    known["running"] = [  # what is no id makes no link
        run | ({} if is_run_id(run.get("id")) else {"id": None}) for run in entry.get("running", [])
    ]
    times = {"heartbeat_at": heartbeat_at, "started_at": datetime.fromtimestamp(entry["started_at"], UTC)}
    left = entry["state"] == "offline"
    return Worker(**known | {"state": state, "left": left, "pause": pause, "unknown": unknown} | times)


_FIELDS = {field.name for field in fields(Worker)}
