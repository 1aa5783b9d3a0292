"""What the numbers say of an app's task over a day, a week or a month, and how long its runs usually take.

Celeriac's own app has its name here, as everywhere where it is a key.
"""

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from functools import cached_property
from typing import Any
from zoneinfo import ZoneInfo

from flask_babel import lazy_gettext as _l
from sqlalchemy import func, select

from app import lists
from app.extensions import db
from app.lists.fields import Choice
from app.runs.statistics.histogram import Histogram, merged, percentile, size
from app.runs.statistics.models import TaskHour

SPANS = ("24h", "7d", "30d")
DEFAULT_SPAN = "7d"
USUAL_HOURS = 48  # what is usual is read from so many of the latest hours that had runs
USUAL_FROM = 5  # with fewer runs nothing is usual
Task = tuple[str, str]  # app and name
_HOUR = timedelta(hours=1)
_COLUMNS = (
    TaskHour.hour_at,
    TaskHour.succeeded,
    TaskHour.failed,
    TaskHour.others,
    TaskHour.run_times,
    TaskHour.waits,
)


@dataclass(frozen=True)
class NumbersFilter(lists.Filter):
    """Of which time the numbers are."""

    last: str = lists.of(Choice(SPANS, load_default=DEFAULT_SPAN), _l("Time"), DEFAULT_SPAN)


@dataclass(frozen=True)
class Bucket:
    """The runs that ended in [from_at, until_at)."""

    from_at: datetime
    until_at: datetime
    succeeded: int = 0
    failed: int = 0
    others: int = 0
    run_times: Histogram = field(default_factory=dict)
    waits: Histogram = field(default_factory=dict)

    @property
    def runs(self) -> int:
        return self.succeeded + self.failed + self.others

    @property
    def success_rate(self) -> float | None:
        """The share (0 to 1) of those that succeeded among those that succeeded or failed."""
        judged = self.succeeded + self.failed
        return self.succeeded / judged if judged else None

    @cached_property
    def run_p50(self) -> float | None:
        return percentile(self.run_times, 0.5)

    @cached_property
    def run_p95(self) -> float | None:
        return percentile(self.run_times, 0.95)

    @cached_property
    def wait_p50(self) -> float | None:
        return percentile(self.waits, 0.5)

    @cached_property
    def wait_p95(self) -> float | None:
        return percentile(self.waits, 0.95)


@dataclass(frozen=True)
class Numbers:
    """A span of time of one task: the whole of it, and its intervals, oldest first."""

    app: str
    task_name: str
    span: str
    whole: Bucket
    intervals: Sequence[Bucket]


def numbers_of(app: str, task_name: str, span: str, now: datetime, zone: ZoneInfo) -> Numbers:
    """The numbers of a task over one of `SPANS`, until the end of the running hour, three hours or day.

    Days begin at midnight in `zone`. Raises KeyError for another span.
    """
    edges = _EDGES[span](now, zone)
    query = select(*_COLUMNS).where(TaskHour.app == app, TaskHour.task_name == task_name)
    query = query.where(TaskHour.hour_at >= edges[0] - _HOUR, TaskHour.hour_at < edges[-1])
    hours: list[list[Any]] = [[] for _edge in edges[1:]]
    for hour in db.session.execute(query):
        index = bisect_right(edges, hour.hour_at) - 1
        if 0 <= index < len(hours):
            hours[index].append(hour)
    parts = zip(edges[:-1], edges[1:], hours, strict=True)
    intervals = [_interval(from_at, until_at, part) for from_at, until_at, part in parts]
    every = [hour for part in hours for hour in part]
    return Numbers(app, task_name, span, _interval(edges[0], edges[-1], every), intervals)


def typical_seconds(tasks: Iterable[Task], now: datetime) -> dict[Task, float]:
    """The median run time of each task in its latest 48 hours that had runs, none older than 90 days.

    Tasks with fewer than 5 runs in them are left out.
    """
    usual = {}
    for app, name in tasks:
        query = select(TaskHour.run_times).where(
            TaskHour.app == app, TaskHour.task_name == name, TaskHour.hour_at > now - timedelta(days=90)
        )
        latest = query.order_by(TaskHour.hour_at.desc()).limit(USUAL_HOURS)
        times = merged(db.session.scalars(latest))
        median = percentile(times, 0.5)
        if median is not None and size(times) >= USUAL_FROM:
            usual[app, name] = median
    return usual


def mean_seconds(app: str, now: datetime) -> dict[str, float]:
    """The mean run time of every task of an app that ran in the last 7 days."""
    total, timed = func.sum(TaskHour.run_seconds), func.sum(TaskHour.timed)
    query = select(TaskHour.task_name, total / timed)
    query = query.where(TaskHour.app == app, TaskHour.hour_at > now - timedelta(days=7))
    rows = db.session.execute(query.group_by(TaskHour.task_name).having(timed > 0))
    return {name: float(mean) for name, mean in rows}


def _interval(from_at: datetime, until_at: datetime, hours: Sequence[Any]) -> Bucket:
    return Bucket(
        from_at,
        until_at,
        succeeded=sum(hour.succeeded for hour in hours),
        failed=sum(hour.failed for hour in hours),
        others=sum(hour.others for hour in hours),
        run_times=merged(hour.run_times for hour in hours),
        waits=merged(hour.waits for hour in hours),
    )


def _hourly(now: datetime, zone: ZoneInfo) -> list[datetime]:
    end = now.replace(minute=0, second=0, microsecond=0) + _HOUR
    return [end - back * _HOUR for back in range(24, -1, -1)]


def _three_hourly(now: datetime, zone: ZoneInfo) -> list[datetime]:
    past = now.astimezone(zone).hour % 3
    end = now.replace(minute=0, second=0, microsecond=0) + (3 - past) * _HOUR
    return [end - back * 3 * _HOUR for back in range(56, -1, -1)]


def _daily(now: datetime, zone: ZoneInfo) -> list[datetime]:
    tomorrow = now.astimezone(zone).date() + timedelta(days=1)
    return [_midnight(tomorrow - timedelta(days=back), zone) for back in range(30, -1, -1)]


def _midnight(day: date, zone: ZoneInfo) -> datetime:
    return datetime.combine(day, time(), zone).astimezone(UTC)


_EDGES = dict(zip(SPANS, (_hourly, _three_hourly, _daily), strict=True))
