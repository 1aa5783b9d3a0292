"""When a schedule fires: pure functions from a timing and a moment to moments, all aware and in UTC.

Cron at a clock change, as in Debian's cron:

- A *fixed-time* entry (neither the minute nor the hour column starts with `*`) runs at the first of two equal
  readings. If some of its readings are skipped it runs once for all of them, at the first instant after the
  gap; should it be due at that instant anyway, that is the same fire.
- A *wild* entry matches the clock as it really passes: nothing in a gap, both times in a repeated hour.

Both rules hold for expressions with seconds too, and for changes of any size. An interval counts real seconds
from its anchor and does not know about clocks.
"""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from itertools import islice
from typing import Literal
from zoneinfo import ZoneInfo

from app.schedules.timing.cron import HORIZON_YEARS, parse
from app.schedules.timing.local_times import (
    CronExpression,
    count_local_times,
    first_local_time,
    last_local_time,
)
from app.schedules.timing.zones import LAST_YEAR, ONE_SECOND, Stretch, stretches, zone

TaskType = Literal["one_time", "interval", "cron"]

_TICK = timedelta(microseconds=1)
_FIRST_YEAR = 1900  # nothing is looked for before


@dataclass(frozen=True, slots=True, kw_only=True)
class Timing:
    """The timing fields of a schedule, as REST and the table name them. All moments are aware.

    `starts_at` and `ends_at` bound the nominal fires, both included. `schedule_id` only feeds the jitter.
    What the functions of this package make of a timing that `errors` objects to is not defined.
    """

    task_type: TaskType
    timezone: str = "UTC"
    run_at: datetime | None = None
    interval_seconds: int | None = None
    anchor_at: datetime | None = None
    cron_schedule: str | None = None
    starts_at: datetime | None = None
    ends_at: datetime | None = None
    jitter_seconds: int = 0
    schedule_id: int | str | None = None

    @property
    def tz(self) -> ZoneInfo:
        """The zone of the schedule. Raises TimingError when there is no such zone."""
        return zone(self.timezone)

    @property
    def expression(self) -> CronExpression:
        """The parsed cron expression. Raises TimingError when it is not one."""
        return parse(self.cron_schedule or "")


def next_fire(timing: Timing, after: datetime) -> datetime | None:
    """The first fire strictly after that moment, or None when there is none within 50 years."""
    return _from(timing, _utc(after) + _TICK)


def first_fire(timing: Timing, now: datetime) -> datetime | None:
    """Where a new, re-timed or newly enabled schedule begins: its first fire ≥ max(now, starts_at)."""
    return _from(timing, _utc(now))


def previous_fire(timing: Timing, before: datetime) -> datetime | None:
    """The last fire strictly before that moment, or None when there is none within 50 years."""
    return last_fire(timing, _utc(before) - _TICK)


def last_fire(timing: Timing, until: datetime) -> datetime | None:
    """The last fire at or before that moment, or None when there is none within 50 years."""
    until = _utc(until)
    if timing.ends_at is not None:
        until = min(until, _utc(timing.ends_at))
    match timing.task_type:
        case "one_time":
            fire = _run_at(timing) if _run_at(timing) <= until else None
        case "interval":
            steps = (until - _anchor(timing)) // _period(timing)
            fire = _grid(timing, steps) if steps >= 1 else None
        case "cron":
            fire = _cron_until(timing.expression, timing.tz, until)
    early = fire is None or (timing.starts_at is not None and fire < timing.starts_at)
    return None if early else fire


def fires(timing: Timing, start: datetime, count: int) -> list[datetime]:
    """The first `count` fires at or after `start`."""
    return list(islice(_each(timing, _utc(start)), count))


def fires_between(timing: Timing, start: datetime, end: datetime, limit: int) -> list[datetime]:
    """The fires from `start` to `end`, both included, oldest first, at most `limit`."""
    fires: list[datetime] = []
    for fire in _each(timing, _utc(start)):
        if fire > end or len(fires) == limit:
            break
        fires.append(fire)
    return fires


def count_between(timing: Timing, start: datetime, end: datetime) -> int:
    """How many fires there are from `start` to `end`, both included, without walking through them."""
    start, end = _utc(start), _utc(end)
    if timing.starts_at is not None:
        start = max(start, _utc(timing.starts_at))
    if timing.ends_at is not None:
        end = min(end, _utc(timing.ends_at))
    if start > end:
        return 0
    match timing.task_type:
        case "one_time":
            return int(start <= _run_at(timing) <= end)
        case "interval":
            anchor, period = _anchor(timing), _period(timing)
            return max(0, (end - anchor) // period) - max(0, -((anchor - start) // period) - 1)
        case "cron":
            return _cron_count(timing.expression, timing.tz, start, end + _TICK)


def is_fire(timing: Timing, moment: datetime) -> bool:
    """Whether the timing asks for exactly that moment."""
    return _from(timing, _utc(moment)) == moment


def actual_at(timing: Timing, due_at: datetime) -> datetime:
    """When the fire that is nominally due at `due_at` is sent: later by the schedule's share of its jitter.

    The share comes from a hash of the schedule's id alone: the same for every fire, on every machine and
    after every restart. Where that delay would reach the next fire, the same share of the time until then
    is taken instead, so that fires never pass each other.
    """
    if timing.jitter_seconds <= 0:
        return due_at
    digest = hashlib.sha256(f"jitter {timing.schedule_id}".encode()).digest()
    thousandths = int.from_bytes(digest[:8]) % (timing.jitter_seconds * 1000)
    delay = timedelta(milliseconds=thousandths)
    following = next_fire(timing, due_at)
    if following is not None and due_at + delay >= following:
        delay = (following - due_at) * (thousandths / (timing.jitter_seconds * 1000))
    return due_at + delay


def _utc(moment: datetime) -> datetime:
    if moment.tzinfo is None:
        raise ValueError(f"a time without a zone is no moment: {moment!r}")
    return moment.astimezone(UTC)


def _run_at(timing: Timing) -> datetime:
    if timing.run_at is None:
        raise ValueError("a one-time timing without run_at")
    return _utc(timing.run_at)


def _anchor(timing: Timing) -> datetime:
    if timing.anchor_at is None:
        raise ValueError("an interval timing without anchor_at")
    return _utc(timing.anchor_at)


def _period(timing: Timing) -> timedelta:
    if timing.interval_seconds is None:
        raise ValueError("an interval timing without interval_seconds")
    return timedelta(seconds=timing.interval_seconds)


def _grid(timing: Timing, steps: int) -> datetime | None:
    """The moment `steps` intervals after the anchor, or None beyond the calendar."""
    try:
        fire = _anchor(timing) + steps * _period(timing)
    except OverflowError:
        return None
    return fire if fire.year <= LAST_YEAR else None


def _each(timing: Timing, moment: datetime) -> Iterator[datetime]:
    """All fires at or after that moment."""
    fire = _from(timing, moment)
    while fire is not None:
        yield fire
        fire = _from(timing, fire + _TICK)


def _from(timing: Timing, moment: datetime) -> datetime | None:
    """The first fire at or after that moment (UTC) that lies between starts_at and ends_at."""
    if timing.starts_at is not None:
        moment = max(moment, _utc(timing.starts_at))
    match timing.task_type:
        case "one_time":
            fire = _run_at(timing) if _run_at(timing) >= moment else None
        case "interval":
            anchor, period = _anchor(timing), _period(timing)
            fire = _grid(timing, max(1, -((anchor - moment) // period)))
        case "cron":
            fire = _cron_from(timing.expression, timing.tz, moment)
    late = fire is None or (timing.ends_at is not None and fire > timing.ends_at)
    return None if late else fire


@lru_cache(maxsize=1024)  # a schedule that is saved is asked for the same fire four times
def _cron_from(expression: CronExpression, tz: ZoneInfo, moment: datetime) -> datetime | None:
    floor = _whole_second(moment)
    for year in range(floor.year, min(floor.year + HORIZON_YEARS, LAST_YEAR) + 1):
        for stretch in stretches(tz, year):
            if stretch.end <= floor:
                continue
            if stretch.begin >= floor and _fires_after_gap(expression, stretch):
                return stretch.begin
            fire = first_local_time(expression, *_local_range(expression, stretch, floor, stretch.end))
            if fire is not None:
                return fire.replace(tzinfo=UTC) - stretch.offset
    return None


def _cron_until(expression: CronExpression, tz: ZoneInfo, moment: datetime) -> datetime | None:
    ceiling = _whole_second(moment + _TICK)
    for year in range(ceiling.year, max(ceiling.year - HORIZON_YEARS, _FIRST_YEAR) - 1, -1):
        for stretch in reversed(stretches(tz, year)):
            if stretch.begin >= ceiling:
                continue
            fire = last_local_time(expression, *_local_range(expression, stretch, stretch.begin, ceiling))
            if fire is not None:
                return fire.replace(tzinfo=UTC) - stretch.offset
            if _fires_after_gap(expression, stretch):
                return stretch.begin
    return None


def _cron_count(expression: CronExpression, tz: ZoneInfo, start: datetime, before: datetime) -> int:
    floor, ceiling = _whole_second(start), _whole_second(before)
    total = 0
    for year in range(floor.year, min(ceiling.year, LAST_YEAR) + 1):
        for stretch in stretches(tz, year):
            if stretch.end <= floor or stretch.begin >= ceiling:
                continue
            low = floor
            if stretch.begin >= floor and _fires_after_gap(expression, stretch):
                total += 1
                low = stretch.begin + ONE_SECOND  # a reading at that very instant is the same fire
            total += count_local_times(expression, *_local_range(expression, stretch, low, ceiling))
    return total


def _whole_second(moment: datetime) -> datetime:
    """The first whole second at or after that moment; cron knows nothing finer."""
    return moment if moment.microsecond == 0 else moment.replace(microsecond=0) + ONE_SECOND


def _fires_after_gap(expression: CronExpression, stretch: Stretch) -> bool:
    """Whether the clocks went forward at the beginning and skipped a reading of a fixed-time entry."""
    if not expression.fixed or stretch.offset <= stretch.before:
        return False
    begin = stretch.begin.replace(tzinfo=None)
    return first_local_time(expression, begin + stretch.before, begin + stretch.offset) is not None


def _local_range(
    expression: CronExpression, stretch: Stretch, floor: datetime, ceiling: datetime
) -> tuple[datetime, datetime]:
    """The local readings [low, high) within the stretch and [floor, ceiling) at which the entry may fire."""
    low = max(floor, stretch.begin, stretch.fresh_at) if expression.fixed else max(floor, stretch.begin)
    high = min(ceiling, stretch.end)
    return (low + stretch.offset).replace(tzinfo=None), (high + stretch.offset).replace(tzinfo=None)
