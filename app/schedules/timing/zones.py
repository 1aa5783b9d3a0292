"""A time zone as stretches of constant UTC offset, and the clock changes between them.

Zone data is only ever asked, never copied: offsets come from zoneinfo at the moment they are needed,
so an updated tz database counts from the next start on. `zoneinfo` does not tell when a zone changes
its offset; that is found by looking at each day. Nowhere in the tz database do two changes of offset
follow each other within three days, so none is overlooked.
"""

import difflib
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache, lru_cache
from zoneinfo import ZoneInfo, available_timezones

from flask_babel import lazy_gettext as _

from app.schedules.timing.errors import TimingError

ONE_DAY = timedelta(days=1)
ONE_SECOND = timedelta(seconds=1)
NOTHING = timedelta(0)
LAST_YEAR = 9990  # datetime ends with the year 9999; fires beyond this year are not looked for


@dataclass(frozen=True, slots=True)
class ClockChange:
    """The clocks change at the instant `at` (UTC) from the offset `before` to the offset `after`."""

    at: datetime
    before: timedelta
    after: timedelta


@dataclass(frozen=True, slots=True)
class Stretch:
    """From `begin` until before `end` (both UTC) the zone keeps `offset`; before `begin` it had `before`.

    A stretch ends with the calendar year too, where `before` equals `offset`. Up to `fresh_at` every local
    reading is one that the clocks showed already before they went back.
    """

    begin: datetime
    end: datetime
    offset: timedelta
    before: timedelta
    fresh_at: datetime


@cache
def _names() -> frozenset[str]:
    # "localtime" would mean something else on each machine; "Factory" is no place.
    return frozenset(available_timezones() - {"localtime", "Factory"})


@lru_cache(maxsize=1024)
def zone(name: str) -> ZoneInfo:
    """The IANA zone of that name. Raises TimingError (field `timezone`) when there is none."""
    if isinstance(name, str) and name in _names():
        return ZoneInfo(name)
    near = difflib.get_close_matches(str(name)[:60], _names(), n=1)
    if near:
        raise TimingError(
            "timezone",
            _("%(name)s is not a time zone. Did you mean %(near)s?", name=str(name)[:60], near=near[0]),
        )
    raise TimingError(
        "timezone", _("%(name)s is not a time zone. Take an IANA name: Europe/London.", name=str(name)[:60])
    )


def _offset(tz: ZoneInfo, moment: datetime) -> timedelta:
    return moment.astimezone(tz).utcoffset() or NOTHING


@lru_cache(maxsize=8192)
def _changes_in(tz: ZoneInfo, year: int) -> tuple[ClockChange, ...]:
    """Changes of offset from 1 January 00:00 UTC until before the next one, oldest first."""
    changes = []
    # One second before each midnight, so that a change at midnight belongs to the day that it begins.
    early = datetime(year, 1, 1, tzinfo=UTC) - ONE_SECOND
    offset = _offset(tz, early)
    last = datetime(year + 1, 1, 1, tzinfo=UTC) - ONE_SECOND
    while early < last:
        late = early + ONE_DAY
        after = _offset(tz, late)
        if after != offset:
            changes.append(ClockChange(_moment_of_change(tz, early, late), offset, after))
        early, offset = late, after
    return tuple(changes)


def _moment_of_change(tz: ZoneInfo, early: datetime, late: datetime) -> datetime:
    """The first second in (early, late] that has the offset of `late`."""
    offset = _offset(tz, late)
    while late - early > ONE_SECOND:
        middle = early + timedelta(seconds=int((late - early).total_seconds()) // 2)
        if _offset(tz, middle) == offset:
            late = middle
        else:
            early = middle
    return late


@lru_cache(maxsize=8192)
def stretches(tz: ZoneInfo, year: int) -> tuple[Stretch, ...]:
    """The stretches of that UTC calendar year, oldest first, without a hole between them."""
    begin = datetime(year, 1, 1, tzinfo=UTC)
    changes = _changes_in(tz, year)
    if not changes or changes[0].at > begin:
        offset = _offset(tz, begin)
        changes = (ClockChange(begin, offset, offset), *changes)
    ends = [*(change.at for change in changes[1:]), datetime(year + 1, 1, 1, tzinfo=UTC)]
    fresh_at = max((_fresh_at(change) for change in _changes_in(tz, year - 1)), default=begin)
    parts = []
    for change, end in zip(changes, ends, strict=True):
        fresh_at = max(fresh_at, _fresh_at(change))
        parts.append(Stretch(change.at, end, change.after, change.before, fresh_at))
    return tuple(parts)


def _fresh_at(change: ClockChange) -> datetime:
    """When the clocks show a reading that they had not shown before the change."""
    return change.at + max(change.before - change.after, NOTHING)


def next_changes(tz: ZoneInfo, after: datetime, count: int) -> list[ClockChange]:
    """The next `count` clock changes strictly after that moment, looking three calendar years ahead."""
    changes = [
        change
        for year in range(after.year, min(after.year + 3, LAST_YEAR))
        for change in _changes_in(tz, year)
        if change.at > after
    ]
    return changes[:count]
