"""When another scheduler fires, by its own rules: Celery's crontab, and intervals from the last run.

At a clock change Celery goes other ways than cron: these are the fires of Celery 5.7.
"""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import islice

from app.schedules import timing
from app.schedules.definition import Definition, timing_of
from app.schedules.foreign.entries import Clocked, Crontab, Entry, Interval

_FARTHEST = timedelta(days=366 * 10)
_LONGEST = _FARTHEST.total_seconds()


def next_fires(entry: Entry, now: datetime, count: int) -> list[datetime]:
    """The first fires from `now` on; none for one that is off there, or whose timing cannot be read."""
    if not entry.enabled or (entry.one_off and entry.run_count):
        return []
    within = (at for at in _each(entry, now) if at >= now)
    fires = list(islice(within, 1 if entry.one_off else count))
    return [at for at in fires if entry.ends_at is None or at < entry.ends_at]


def fires_here(definition: Definition, now: datetime, count: int) -> list[datetime]:
    """The first fires of what an entry would be here; none for one that stays off."""
    if not definition.enabled:
        return []
    return timing.fires(timing_of(definition, None), now, min(count, definition.max_runs or count))


def _each(entry: Entry, now: datetime) -> Iterator[datetime]:
    when, begin = entry.timing, max(now, entry.starts_at or now)
    at_start = entry.fires_at_start and entry.last_run_at is None and begin > now
    if isinstance(when, Clocked):
        yield when.at
    elif isinstance(when, Crontab):
        if at_start:
            yield begin
        yield from _crontab(when, entry.timezone, begin)
    elif isinstance(when, Interval) and not when.relative and 1 <= when.seconds <= _LONGEST:
        step = timedelta(seconds=when.seconds)
        at = begin if at_start else max(begin, (entry.last_run_at or now) + step)
        while at < now + _FARTHEST:
            yield at
            at += step


def _crontab(when: Crontab, timezone: str, begin: datetime) -> Iterator[datetime]:
    at = begin - timedelta(microseconds=1)
    try:
        value = when.celery(timezone, lambda: at)
    except ValueError:
        return
    while at < begin + _FARTHEST:
        try:
            remaining = value.remaining_estimate(at)
        except (ValueError, RuntimeError, OverflowError):  # it never comes
            return
        following = (at + remaining).astimezone(UTC)
        if following <= at:
            return  # it would not move on
        at = following
        yield at
