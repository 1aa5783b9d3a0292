"""Which schedules fire in the time that begins now, and when: by the evaluator of beat and previews."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any

from sqlalchemy import func, select

from app.extensions import db
from app.schedules import lateness, timing
from app.schedules.definition import TIMING_FIELDS, timing_of
from app.schedules.models import Schedule, columns
from app.schedules.timing import Timing, TimingError

READ_AT_MOST = 100  # schedules; those that fire first
LISTED_AT_MOST = 30  # fires of a schedule; of one that has more only their number is told
_TICK = timedelta(microseconds=1)
_COLUMNS = columns(
    *("id", "name", *TIMING_FIELDS, "max_runs", "run_count", "skips", "next_due_at", "next_run_at")
)


@dataclass(frozen=True)
class Coming:
    """The fires of one schedule in the window: `fires` are when they are sent, jitter included.

    When they are more than 30 they are not listed, only their `count` is known; `interval_seconds` then says
    how often, where it is an interval.
    """

    schedule_id: int
    name: str
    fires: Sequence[datetime]
    count: int
    interval_seconds: int | None = None


@dataclass(frozen=True)
class Window:
    """What fires from `from_at` to `until_at`, soonest first; not `whole` when more do than stand here."""

    from_at: datetime
    until_at: datetime
    schedules: Sequence[Coming] = field(default_factory=tuple)
    whole: bool = True


@dataclass(frozen=True)
class Overdue:
    """A late schedule: the fire that was due at `due_at` has not started."""

    schedule_id: int
    name: str
    due_at: datetime


def coming(from_at: datetime, until_at: datetime, limit: int = READ_AT_MOST) -> Window:
    """The fires of a window that begins about now, of at most `limit` schedules.

    Left out are occurrences that a person skipped and those beyond `max_runs`; overlap, which nobody knows
    ahead, is not. A fire that is overdue by no more than beat may take stands at `from_at`.
    """
    query = select(*_COLUMNS).where(Schedule.enabled, Schedule.next_run_at <= until_at)
    rows = db.session.execute(query.order_by(Schedule.next_run_at, Schedule.id).limit(limit + 1)).all()
    schedules = [_coming(row, from_at, until_at) for row in rows[:limit]]
    return Window(
        from_at, until_at, [schedule for schedule in schedules if schedule.count], len(rows) <= limit
    )


def overdue(now: datetime, schedule_id: int | None = None) -> list[Overdue]:
    """Late schedules as `late_count` counts them, at most 100, the latest one first; or that one alone."""
    query = select(Schedule.id, Schedule.name, Schedule.next_due_at, Schedule.next_run_at)
    query = query.where(lateness.is_late(now)).order_by(Schedule.next_run_at, Schedule.id)
    if schedule_id is not None:
        query = query.where(Schedule.id == schedule_id)
    rows = db.session.execute(query.limit(READ_AT_MOST)).all()
    waits = lateness.waiting_since([row.id for row in rows], now) if rows else {}
    late = [
        Overdue(row.id, row.name, waits.get(row.id) or row.next_due_at or row.next_run_at) for row in rows
    ]
    return sorted(late, key=lambda overdue_schedule: (overdue_schedule.due_at, overdue_schedule.schedule_id))


def enabled_count() -> int:
    """How many schedules are on."""
    query = select(func.count()).select_from(Schedule).where(Schedule.enabled)
    return int(db.session.scalar(query) or 0)


def _coming(row: Any, from_at: datetime, until_at: datetime) -> Coming:
    left = None if row.max_runs is None else max(0, row.max_runs - row.run_count)
    own, skips = timing_of(row, row.id), frozenset(map(datetime.fromisoformat, row.skips or ()))
    try:
        count, fires = _fires(own, row.next_due_at, row.next_run_at, skips, left, from_at, until_at)
    except (TimingError, ValueError):  # beat says so on its row
        count, fires = 0, ()
    return Coming(row.id, row.name, fires, count, row.interval_seconds)


@lru_cache(maxsize=1000)  # live pages ask again and again; it is pure, and the same for a whole minute
def _fires(
    own: Timing,
    next_due_at: datetime | None,
    next_run_at: datetime,
    skips: frozenset[datetime],
    left: int | None,
    from_at: datetime,
    until_at: datetime,
) -> tuple[int, tuple[datetime, ...]]:
    """How many fires are sent in the window, and when, unless they are too many to be listed."""
    if next_due_at is None:  # edited in SQL: beat works out its next fire when it looks
        next_due_at = timing.first_fire(own, max(from_at, next_run_at))
        if next_due_at is None:
            return 0, ()
        next_run_at = timing.actual_at(own, next_due_at)
    late = next_run_at < from_at - lateness.LATE_AFTER
    first = [] if late or next_due_at in skips or next_run_at > until_at else [max(next_run_at, from_at)]
    # What was missed before the window is no fire of it; jitter carries a fire into it from before.
    start = max(next_due_at + _TICK, from_at - timedelta(seconds=own.jitter_seconds))
    count = len(first) + timing.count_between(own, start, until_at)
    count -= sum(start <= skip <= until_at for skip in skips)
    sent = count if left is None else min(count, left)
    if sent > LISTED_AT_MOST:
        return sent, ()
    listed = timing.fires_between(own, start, until_at, min(count, LISTED_AT_MOST) + len(skips))
    rest = (timing.actual_at(own, due_at) for due_at in listed if due_at not in skips)
    earliest = max(from_at, next_run_at)  # beat does not look at it before
    fires = (*first, *(at for at in rest if earliest <= at <= until_at))[:sent]
    return len(fires), fires
