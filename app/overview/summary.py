"""Is it all right, and if not, what? What the start page shows, from runs, queues, schedules and workers."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from app import broker, heartbeats, lists, runs, schedules
from app.errors import BrokerUnavailable
from app.heartbeats import Worker
from app.overview.next_hour import NextHour, next_hour
from app.overview.throughput import Throughput, throughput
from app.runs import Ended
from app.schedules import Overdue
from app.web import live

WINDOW = timedelta(hours=24)


@dataclass(frozen=True)
class Waiting:
    """What waits in all queues; `oldest_at` is when the one that waits longest was sent."""

    waiting: int
    queues: int
    held: int
    oldest_at: datetime | None
    oldest_queue: str


@dataclass(frozen=True)
class Day:
    """The runs that ended in the last 24 hours; `before`, when known, in the 24 hours before."""

    ended: Ended
    before: Ended | None

    @property
    def more_failed(self) -> int | None:
        """How many more failed than the day before; below 0 when fewer did."""
        return None if self.before is None else self.ended.failed - self.before.failed


@dataclass(frozen=True)
class LateSchedules:
    """Late schedules, the latest one first (100 at most), of so many; and how many are on."""

    schedules: Sequence[Overdue]
    count: int
    enabled: int


@dataclass(frozen=True)
class Summary:
    """`line` and `workers` are None while Redis does not answer; of workers, silent ones come last.

    `other_app` is the Celery app to which the broker belongs; `strangers` are workers of others on a broker
    that is ours.
    """

    running: Sequence[runs.Run]
    grouped: runs.Failures
    day: Day
    late: LateSchedules
    throughput: Throughput
    next_hour: NextHour
    line: Waiting | None
    workers: list[Worker] | None
    app_workers: Sequence[Worker] = ()  # of other apps
    other_app: broker.OtherApp | None = None
    strangers: Sequence[str] = ()

    @property
    def version(self) -> str:
        """Differs as soon as something that the page shows does; not for a heartbeat alone."""
        # The minute moves; an hour in which nothing fires stays as it is.
        hour = self.next_hour if self.next_hour.lines else None
        return live.version_of(
            [(run.id, run.state, run.progress_current) for run in self.running],
            [
                (group.key, group.count, group.latest.id, group.again, len(group.left))
                for group in self.failures
            ],
            self.grouped.closed,
            self.line,
            [
                (worker.hostname, worker.state, worker.slots, len(worker.running), worker.queues)
                for worker in self.workers or []
            ],
            [(worker.key, worker.state, worker.slots, len(worker.running)) for worker in self.app_workers],
            self.workers is None,
            self.other_app,
            self.strangers,
            self.day,
            self.late,
            self.throughput,
            hour,
        )

    @property
    def failures(self) -> list[runs.FailureGroup]:
        return self.grouped.groups

    @property
    def failed(self) -> int:
        """How many runs failed in 24 hours, but those of kinds that are resolved or ignored.

        Very many are not read one by one, but counted when they end; `failed_at_least`: when they are not.
        """
        if self.grouped.back_to and not self.grouped.closed:
            return max(self.grouped.count, self.day.ended.failed)
        return self.grouped.count

    @property
    def failed_at_least(self) -> bool:
        """Whether there are more: those of kinds that are closed are only known of the newest failures."""
        return self.grouped.back_to is not None and self.grouped.closed > 0

    @property
    def online(self) -> list[Worker]:
        return [worker for worker in self.workers or [] if worker.online]

    @property
    def longest(self) -> runs.Run | None:
        """The run that has been running for the longest time."""
        started = [run for run in self.running if run.started_at]
        return min(started, key=lambda run: run.started_at or run.created_at, default=None)

    @property
    def busy(self) -> int:
        return sum(min(worker.slots, len(worker.running)) for worker in self.online)

    @property
    def slots(self) -> int:
        return sum(worker.slots for worker in self.online)

    @property
    def silent(self) -> list[Worker]:
        """Workers that are gone without having said goodbye, the longest first."""
        gone = [worker for worker in self.workers or [] if worker.silent]
        return sorted(gone, key=lambda worker: worker.heartbeat_at)


def summary(queues: Sequence[str], now: datetime, span: str, zone: ZoneInfo) -> Summary:
    """The state of the whole deployment at `now`, and its throughput over `span`, for a viewer in that zone.

    Raises KeyError when the span is none of `SPANS`.
    """
    late = _late(now)
    line: Waiting | None = None
    listed: list[Worker] | None = None
    other: broker.OtherApp | None = None
    strangers: Sequence[str] = ()
    of_apps: Sequence[Worker] = ()
    try:
        other = broker.other_app()
        strangers = heartbeats.strangers(broker.client(), now)
        line, listed = _line(queues), heartbeats.workers(broker.client(), now)
        of_apps = heartbeats.app_workers(broker.client(), now)
    except BrokerUnavailable:
        line = None
    return Summary(
        running=runs.page(runs.RunFilter(state=runs.RUNNING), limit=lists.LIMIT_MAX).items,
        grouped=runs.grouped_failures(now - WINDOW, now),
        day=_day(now),
        late=late,
        throughput=throughput(span, now, zone),
        next_hour=next_hour(late.schedules, now),
        line=line,
        workers=sorted(listed, key=lambda worker: not worker.online) if listed is not None else None,
        app_workers=sorted(of_apps, key=lambda worker: not worker.online),
        other_app=other,
        strangers=strangers,
    )


def _day(now: datetime) -> Day:
    end = runs.slot_of(now) + runs.SLOT
    known_from = runs.counted_from()
    is_known = known_from is not None and known_from <= end - 2 * WINDOW
    before, last = runs.ended_by(end - 2 * WINDOW, WINDOW, 2)
    return Day(last, before if is_known else None)


def _late(now: datetime) -> LateSchedules:
    overdue = schedules.overdue(now)
    count = len(overdue) if len(overdue) < schedules.READ_AT_MOST else schedules.late_count(now)
    return LateSchedules(overdue, count, schedules.enabled_count())


def _line(queues: Sequence[str]) -> Waiting:
    depths = broker.depths(queues)
    filled = [name for name, depth in depths.items() if depth.waiting]
    oldest = {name: at for name, at in broker.oldest_sent_at(filled).items() if at}
    first = min(oldest, key=lambda name: oldest[name], default="")
    return Waiting(
        waiting=sum(depth.waiting for depth in depths.values()),
        queues=len(filled),
        held=sum(depth.held for depth in depths.values()),
        oldest_at=oldest.get(first),
        oldest_queue=first,
    )
