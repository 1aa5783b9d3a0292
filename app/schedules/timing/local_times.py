"""What a cron expression allows on the local calendar and clock: the local times at which it fires.

Everything here is about naive local time; a *local time* is what the clocks on the wall show. The time zone
comes in with `fires`. All lookups are arithmetic on sorted columns: none walks through time by the minute.
"""

from bisect import bisect_left
from calendar import monthrange
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from functools import lru_cache

LAST = 0  # the n of `nth` that stands for the last one of the month


@dataclass(frozen=True, eq=False)
class CronExpression:
    """What a cron expression allows, column by column; made by `parse`, compared by identity.

    `weekdays` counts from 0 = Sunday; `nth` holds (weekday, n) for `#`, with n = LAST for `L`. `columns` is
    the text of the six columns in lower case, seconds first. `days_and` tells that both day columns must
    match, `fixed` that neither the minute nor the hour column starts with `*`.
    """

    text: str
    columns: tuple[str, ...]
    seconds: tuple[int, ...]
    minutes: tuple[int, ...]
    hours: tuple[int, ...]
    days: frozenset[int]
    last_day: bool
    months: frozenset[int]
    weekdays: frozenset[int]
    nth: frozenset[tuple[int, int]]
    days_and: bool
    fixed: bool

    @property
    def per_day(self) -> int:
        """Fires on a day that matches and has no clock change."""
        return len(self.hours) * len(self.minutes) * len(self.seconds)


@lru_cache(maxsize=16384)
def days_in(expression: CronExpression, year: int, month: int) -> tuple[int, ...]:
    """The days of that month on which the expression fires, in order."""
    if month not in expression.months:
        return ()
    first_weekday, length = monthrange(year, month)
    return tuple(
        day
        for day in range(1, length + 1)
        if _day_matches(expression, day, length, (first_weekday + day) % 7)
    )


def _day_matches(expression: CronExpression, day: int, length: int, weekday: int) -> bool:
    """Whether a day of a month of that length, on that weekday (0 = Sunday), matches the two day columns."""
    by_month = day in expression.days or (expression.last_day and day == length)
    by_week = (
        weekday in expression.weekdays
        or (weekday, (day + 6) // 7) in expression.nth
        or ((weekday, LAST) in expression.nth and day + 7 > length)
    )
    return (by_month and by_week) if expression.days_and else (by_month or by_week)


def next_day(expression: CronExpression, first: date, last: date) -> date | None:
    """The first day from `first` to `last`, both included, on which the expression fires."""
    year, month, day = first.year, first.month, first.day
    while (year, month) <= (last.year, last.month):
        for candidate in days_in(expression, year, month):
            if candidate >= day:
                that_day = date(year, month, candidate)
                return that_day if that_day <= last else None
        year, month, day = (year, month + 1, 1) if month < 12 else (year + 1, 1, 1)
    return None


def previous_day(expression: CronExpression, last: date, first: date) -> date | None:
    """The last day back from `last` to `first`, both included, on which the expression fires."""
    year, month, day = last.year, last.month, last.day
    while (year, month) >= (first.year, first.month):
        for candidate in reversed(days_in(expression, year, month)):
            if candidate <= day:
                that_day = date(year, month, candidate)
                return that_day if that_day >= first else None
        year, month, day = (year, month - 1, 31) if month > 1 else (year - 1, 12, 31)
    return None


def count_days(expression: CronExpression, first: date, before: date) -> int:
    """How many days from `first` until before `before` the expression fires on."""
    total = 0
    year, month = first.year, first.month
    while (year, month) <= (before.year, before.month):
        days = days_in(expression, year, month)
        if (year, month) == (first.year, first.month):
            days = tuple(day for day in days if day >= first.day)
        if (year, month) == (before.year, before.month):
            days = tuple(day for day in days if day < before.day)
        total += len(days)
        year, month = (year, month + 1) if month < 12 else (year + 1, 1)
    return total


def _matches_day(expression: CronExpression, moment: datetime) -> bool:
    """Whether the expression fires on the day of that local time."""
    return moment.day in days_in(expression, moment.year, moment.month)


def first_local_time(expression: CronExpression, low: datetime, high: datetime) -> datetime | None:
    """The first local time in [low, high) at which the expression fires; whole seconds in and out."""
    if low >= high:
        return None
    rank = _rank(expression, low) if _matches_day(expression, low) else 0
    start = low.date()
    if rank == expression.per_day:
        rank, start = 0, start + timedelta(days=1)
    day = next_day(expression, start, high.date())
    if day is None:
        return None
    moment = datetime.combine(day, _time_at(expression, rank if day == low.date() else 0))
    return moment if moment < high else None


def last_local_time(expression: CronExpression, low: datetime, high: datetime) -> datetime | None:
    """The last local time in [low, high) at which the expression fires."""
    if low >= high:
        return None
    rank = _rank(expression, high) if _matches_day(expression, high) else 0
    start = high.date()
    if rank == 0:
        rank, start = expression.per_day, start - timedelta(days=1)
    day = previous_day(expression, start, low.date())
    if day is None:
        return None
    moment = datetime.combine(day, _time_at(expression, (rank if day == start else expression.per_day) - 1))
    return moment if moment >= low else None


def count_local_times(expression: CronExpression, low: datetime, high: datetime) -> int:
    """How many local times in [low, high) the expression fires at; the cost grows with the months between."""
    if low >= high:
        return 0
    total = count_days(expression, low.date(), high.date()) * expression.per_day
    if _matches_day(expression, low):
        total -= _rank(expression, low)
    if _matches_day(expression, high):
        total += _rank(expression, high)
    return total


def _rank(expression: CronExpression, local: datetime) -> int:
    """How many of a day's fire times lie before that time of day."""
    hours, minutes, seconds = expression.hours, expression.minutes, expression.seconds
    at_hour = bisect_left(hours, local.hour)
    rank = at_hour * len(minutes) * len(seconds)
    if at_hour < len(hours) and hours[at_hour] == local.hour:
        at_minute = bisect_left(minutes, local.minute)
        rank += at_minute * len(seconds)
        if at_minute < len(minutes) and minutes[at_minute] == local.minute:
            rank += bisect_left(seconds, local.second)
    return rank


def _time_at(expression: CronExpression, rank: int) -> time:
    """The time of day with that many fire times before it; the inverse of `_rank`."""
    rest, second = divmod(rank, len(expression.seconds))
    hour, minute = divmod(rest, len(expression.minutes))
    return time(expression.hours[hour], expression.minutes[minute], expression.seconds[second])
