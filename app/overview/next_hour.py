"""What fires in the next hour, schedule by schedule, after what should have fired already."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from app import schedules
from app.schedules import Coming, Overdue

SHOWN = 8
TOGETHER_FROM = 3  # so many starts in one minute are worth a word
_HOUR = timedelta(hours=1)


@dataclass(frozen=True)
class ScheduleFires:
    """One schedule: since when it is late, or None, and its fires of the hour."""

    schedule_id: int
    name: str
    late_since: datetime | None
    coming: Coming | None


@dataclass(frozen=True)
class NextHour:
    """The hour from the minute that runs: `lines` are the first 8 of all, late ones first.

    `fires` come from `number` schedules; `whole` is false when there are more of both. `fullest` is the first
    minute in which most of them start (but for those that fire more than 30 times), and how many.
    """

    from_at: datetime
    until_at: datetime
    lines: Sequence[ScheduleFires]
    more: int
    fires: int
    number: int
    whole: bool
    fullest: tuple[datetime, int] | None


def next_hour(late: Sequence[Overdue], now: datetime) -> NextHour:
    """The next hour, with those late schedules on top of it."""
    from_at = now.replace(second=0, microsecond=0)
    window = schedules.coming(from_at, from_at + _HOUR)
    fires = {schedule.schedule_id: schedule for schedule in window.schedules}
    lines = [
        ScheduleFires(schedule.schedule_id, schedule.name, schedule.due_at, fires.get(schedule.schedule_id))
        for schedule in late
    ]
    known = {line.schedule_id for line in lines}
    lines += [
        ScheduleFires(schedule.schedule_id, schedule.name, None, schedule)
        for schedule in window.schedules
        if schedule.schedule_id not in known
    ]
    return NextHour(
        from_at,
        window.until_at,
        lines[:SHOWN],
        more=len(lines[SHOWN:]),
        fires=sum(schedule.count for schedule in window.schedules),
        number=len(window.schedules),
        whole=window.whole,
        fullest=_fullest(window.schedules),
    )


def _fullest(coming: Sequence[Coming]) -> tuple[datetime, int] | None:
    """The first minute in which most schedules start; None when they are fewer than 3."""
    minutes = Counter(
        minute
        for schedule in coming
        for minute in {at.replace(second=0, microsecond=0) for at in schedule.fires}
    )
    if not minutes:
        return None
    at, number = min(minutes.items(), key=lambda item: (-item[1], item[0]))
    return (at, number) if number >= TOGETHER_FROM else None
