"""What rules are judged by, read once a turn and only when a rule asks for it."""

import shutil
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property
from typing import Any

from sqlalchemy import func, select

from app import broker, heartbeats, queues, runs, schedules
from app.alerts.models import AlertRule
from app.broker.connection import named_errors, reaches_broker
from app.config import settings
from app.errors import BrokerUnavailable
from app.extensions import db
from app.runs import failures
from app.runs.failures import Failure, FailureKind, groups
from app.runs.failures.models import Key, is_one_of
from app.runs.statistics.queries import Task
from celeriac_agent.settings import OWN_APP

CLOSED_READ = timedelta(days=7)
LOOKED_BACK = timedelta(minutes=10)  # a recorder that is behind by less loses no failure
UNENDED_READ, OTHERS_READ = 20, 200  # usual: runs of a task that have not ended, those of other queues
DELIVERY = "alerts.deliver"  # the task that delivers: its own failures tell nobody anything


@dataclass(frozen=True)
class KnownKind:
    """A kind of failure: when turns saw it last, when it came back, and who had closed it until then."""

    id: int
    seen_at: datetime | None
    reopened_at: datetime | None
    closed_by: str | None

    def is_back(self, at: datetime) -> bool:
        """Whether a failure of that moment tells that it came back, which no turn has seen."""
        if self.reopened_at is None or at < self.reopened_at:
            return False
        return self.seen_at is None or self.seen_at < self.reopened_at


class Facts:
    """The state of the whole at one moment. What Redis is asked for raises `BrokerUnavailable`."""

    def __init__(self, now: datetime) -> None:
        self.now = now
        self._ends: dict[tuple[Any, ...], list[tuple[str, datetime]]] = {}
        self._unfired: dict[str, dict[int, datetime]] = {}

    @cached_property
    def _read(self) -> list[Failure]:
        return runs.latest_failures(self.now - LOOKED_BACK)

    @cached_property
    def failures(self) -> list[Failure]:
        """The newest failures of the last minutes, 2,000 at most, but those of resolved and ignored kinds."""
        return [
            failure
            for failure in self._read
            if failure.task != (OWN_APP, DELIVERY) and failure.key not in self.closed
        ]

    @property
    def failures_are_cut(self) -> bool:
        return len(self._read) >= groups.READ_AT_MOST

    def failed_since(self, task: Task, of: AlertRule, since: datetime) -> list[datetime]:
        """When the runs of a task that a rule is about failed from a moment on, the newest first."""
        return failures.failed_since(*task, of.queue, of.schedule_id, since, self.closed)

    def failed_in_row(self, task: Task, of: AlertRule, least: int, most: int = groups.COUNTED_AT_MOST) -> int:
        """How many runs of a task that a rule is about failed since one succeeded, when so many have."""
        narrow = of.queue, of.schedule_id
        return failures.failed_in_row(*task, *narrow, (least, most), _others(*narrow), self.closed)

    @cached_property
    def closed(self) -> set[Key]:
        """The kinds that are resolved or ignored, of those that failed not long ago."""
        return failures.closed_kinds(self.now, self.now - CLOSED_READ)

    @cached_property
    def known_kinds(self) -> dict[Key, KnownKind]:
        """The kinds of the failures above."""
        keys = {failure.key for failure in self.failures}
        rows = db.session.scalars(select(FailureKind).where(is_one_of(keys))) if keys else ()
        return {row.key: KnownKind(row.id, row.seen_at, row.reopened_at, row.state_by) for row in rows}

    def is_unseen(self, failure: Failure) -> bool:
        """Whether a failure is newer than the newest of its kind that a turn has seen."""
        known = self.known_kinds.get(failure.key)
        return known is not None and (known.seen_at is None or known.seen_at < failure.at)

    def last_ends(
        self, task: Task, queue: str | None, schedule_id: int | None, number: int = 10
    ) -> list[tuple[str, datetime]]:
        """How the newest runs of a task that have ended did so, the newest first: so many of them, or more.
        Failures of kinds that are resolved or ignored are left out.
        """
        key = (*task, queue, schedule_id)
        if (*key, number) not in self._ends:
            others = _others(queue, schedule_id)
            self._ends[*key, number] = runs.last_ends(*key, number, others, self.closed)
        return self._ends[*key, number]

    def unfired(self, state: str) -> dict[int, datetime]:
        """The schedules with fires of the last minutes that were missed or skipped: the newest of each."""
        if state not in self._unfired:
            newest, of = func.max(runs.Run.created_at), runs.Run.schedule_id
            query = select(of, newest).where(runs.Run.state == state, of.is_not(None)).group_by(of)
            query = query.where(runs.Run.created_at >= self.now - LOOKED_BACK).order_by(newest.desc())
            self._unfired[state] = {row[0]: row[1] for row in db.session.execute(query) if row[0] is not None}
        return self._unfired[state]

    def unfired_since(self, state: str, schedule_id: int, since: datetime) -> list[datetime]:
        """When fires of a schedule were missed or skipped from a moment on, the newest first."""
        at, of_schedule = runs.Run.created_at, runs.Run.schedule_id == schedule_id
        query = select(at).where(of_schedule, runs.Run.state == state, at >= since)
        return list(db.session.scalars(query.order_by(at.desc()).limit(groups.COUNTED_AT_MOST)))

    @cached_property
    def overdue(self) -> list[schedules.Overdue]:
        return schedules.overdue(self.now)

    def overdue_one(self, schedule_id: int) -> list[schedules.Overdue]:
        return schedules.overdue(self.now, schedule_id)

    @cached_property
    def queues(self) -> list[queues.Queue]:
        return queues.listing(self.now)

    @cached_property
    def workers(self) -> list[heartbeats.Worker]:
        client = broker.client()
        return [*heartbeats.workers(client, self.now), *heartbeats.app_workers(client, self.now)]

    @cached_property
    def beats(self) -> dict[str, datetime]:
        """When each beat was last heard of."""
        return {beat.name: beat.tick_at for beat in heartbeats.beats(broker.client(), self.now)}

    @cached_property
    def recorders(self) -> dict[str, datetime]:
        return {
            recorder.name: recorder.heartbeat_at
            for recorder in heartbeats.recorders(broker.client(), self.now)
        }

    @cached_property
    def redis_answers(self) -> bool:
        try:
            with named_errors():
                return bool(broker.client().ping())
        except BrokerUnavailable:
            return False

    @cached_property
    @reaches_broker
    def memory(self) -> tuple[int, int]:
        """The bytes that Redis uses, and those it may use: maxmemory, or what its machine has."""
        info: Any = broker.client().info("memory")
        most = int(info.get("maxmemory") or info.get("total_system_memory") or 0)
        return int(info["used_memory"]), most

    @cached_property
    def disk(self) -> tuple[int, int]:
        usage = shutil.disk_usage(settings().data_path)
        return usage.used, usage.used + usage.free  # what only root may fill counts as full

    def schedule_names(self, ids: set[int]) -> dict[int, str]:
        rows = db.session.execute(
            select(schedules.Schedule.id, schedules.Schedule.name).where(schedules.Schedule.id.in_(ids))
        )
        return {schedule.id: schedule.name for schedule in rows}


def _others(queue: str | None, schedule_id: int | None) -> int:
    return UNENDED_READ if queue is None and schedule_id is None else OTHERS_READ
