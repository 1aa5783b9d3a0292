"""Celery's crontab as a cron expression that fires at the same readings of the clock, or refused in words.

Celery wants the day of month and the day of week to match, cron either. Both say the same where one of them
is open, and where the days of the month are whole weeks counted from the first: `1-7` and Monday is `1#1`.
"""

from datetime import datetime

from celery.schedules import crontab
from flask_babel import lazy_gettext as _l

from app.schedules.timing import parse_cron

_WHOLE = {"minute": range(60), "hour": range(24), "day_of_week": range(7)}
_WHOLE |= {"day_of_month": range(1, 32), "month_of_year": range(1, 13)}
_ORDER = ("minute", "hour", "day_of_month", "month_of_year", "day_of_week")
_WEEKS = {n: {*range(7 * n - 6, min(7 * n, 31) + 1)} for n in range(1, 6)}  # the days of each `#n`


class NoEqual(ValueError):
    """What another scheduler can say and a schedule here cannot; the text says why."""


def expression(value: crontab, timezone: str, now: datetime) -> str:
    """The five columns; raises `NoEqual`, and `TimingError` for one that never fires."""
    columns = {name: _column(value, name) for name in _WHOLE}
    if not columns["day_of_month"].startswith("*") and not columns["day_of_week"].startswith("*"):
        columns |= _days(value)
    text = " ".join(columns[name] for name in _ORDER)
    parse_cron(text, timezone, now)
    return text


def _column(value: crontab, name: str) -> str:
    """A column as it was written where cron reads it alike, otherwise as a list of its numbers."""
    numbers = sorted(getattr(value, name))
    if numbers == list(_WHOLE[name]):
        return "*"
    written = str(getattr(value, f"_orig_{name}")).replace(" ", "")
    if written.startswith("*/") and written[2:].isdigit():
        return written
    return ",".join(map(str, numbers))


def _days(value: crontab) -> dict[str, str]:
    """The two columns of a day that is told by month and by week."""
    weeks = [n for n, days in _WEEKS.items() if days <= value.day_of_month]
    if value.day_of_month != set().union(*(_WEEKS[n] for n in weeks)):
        raise NoEqual(
            _l("Celery fires when both the day of month and the day of week match, cron when either does.")
        )
    days = ",".join(f"{day}#{n}" for day in sorted(value.day_of_week) for n in weeks)
    return {"day_of_month": "*", "day_of_week": days}
