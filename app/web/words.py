"""Times, durations, sizes and arguments in words, in the viewer's language and zone."""

import json
from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from functools import lru_cache
from typing import Any

from flask_babel import (
    format_date,
    format_datetime,
    format_decimal,
    get_locale,
    get_timezone,
    ngettext,
    to_user_timezone,
)
from flask_babel import gettext as _

_DATE_ONLY_AFTER = timedelta(days=30)
_YEAR_AFTER = timedelta(days=180)
_LINE_LENGTH = 200
_SHORT = 48


def amount(seconds: float) -> str:
    """The largest whole unit of a span: "12 s", "3 min", "5 h", "2 days". static/app.js does the same."""
    whole = int(abs(seconds))
    if whole < 60:
        return _("%(n)s s", n=whole)
    if whole < 3600:
        return _("%(n)s min", n=whole // 60)
    if whole < 86400:
        return _("%(n)s h", n=whole // 3600)
    return ngettext("%(num)s day", "%(num)s days", whole // 86400)


def ago(moment: datetime, now: datetime) -> str:
    """How far away a moment is: "3 min ago", "in 28 min"; over 30 days the date in words."""
    if abs(now - moment) > _DATE_ONLY_AFTER:
        return long_date(moment)
    seconds = (now - moment).total_seconds()
    if seconds < 0:
        return _("in %(amount)s", amount=amount(seconds))
    return _("%(amount)s ago", amount=amount(seconds))


def at(moment: datetime, now: datetime) -> str:
    """The absolute time beside a relative one: "14:29:41", "yesterday 18:40", "Sun 18 Oct, 09:00".

    Far away it names the year.
    """
    day, today = _local_day(moment), _local_day(now)
    if day == today:
        return str(format_datetime(moment, "HH:mm:ss"))
    clock = format_datetime(moment, "HH:mm")
    if day == today - timedelta(days=1):
        return _("yesterday %(clock)s", clock=clock)
    if day == today + timedelta(days=1):
        return _("tomorrow %(clock)s", clock=clock)
    if abs(now - moment) > _YEAR_AFTER:
        return str(format_datetime(moment, _("d MMM y HH:mm")))
    return str(format_datetime(moment, _("EEE d MMM, HH:mm")))


def full(moment: datetime) -> str:
    """The whole moment with its zone, for tooltips: "Tue 20 October 2026, 14:29:41 GMT"."""
    return _full(moment, get_locale(), get_timezone())


@lru_cache(maxsize=2000)
def _full(moment: datetime, _language: object, _zone: object) -> str:
    """Formatting is slow, a list shows each moment twice and is drawn anew every few seconds."""
    shown = format_datetime(moment, _("EEE d MMMM y, HH:mm:ss"))
    return f"{shown} {zone_name(moment)}"


def zone_name(moment: datetime) -> str:
    """The viewer's zone as it is called at a moment: "BST", "UTC"."""
    return to_user_timezone(moment).tzname() or ""


def long_date(moment: datetime | date) -> str:
    """A date in words: "20 October 2026"."""
    return str(format_date(moment, _("d MMMM y")))


def _local_day(moment: datetime) -> date:
    local: datetime = to_user_timezone(moment)
    return local.date()


def duration(seconds: float) -> str:
    """A span in its two largest units: "0.4 s", "18 s", "2 min 4 s", "1 h 7 min", "2 days 3 h"."""
    if seconds < 0.05:
        return _("under 0.1 s")
    if seconds < 9.95:
        return _("%(n)s s", n=format_decimal(round(seconds, 1)))
    whole = round(seconds)
    if whole < 60:
        return _("%(n)s s", n=whole)
    if whole < 3600:
        return _two(amount(whole), _("%(n)s s", n=whole % 60), whole % 60)
    if whole < 86400:
        return _two(amount(whole), _("%(n)s min", n=whole % 3600 // 60), whole % 3600 // 60)
    return _two(amount(whole), _("%(n)s h", n=whole % 86400 // 3600), whole % 86400 // 3600)


def _two(large: str, small: str, rest: int) -> str:
    return _("%(large)s %(small)s", large=large, small=small) if rest else large


def size(count: int) -> str:
    """A number of bytes: "512 bytes", "41 KB", "2.5 MB" (1 KB is 1,000 bytes)."""
    if count < 1000:
        return ngettext("%(num)s byte", "%(num)s bytes", count)
    value = float(count)
    for unit in ("KB", "MB", "GB"):
        value /= 1000
        if value < 999.5 or unit == "GB":
            break
    return f"{format_decimal(round(value, 1) if value < 10 else round(value))} {unit}"


def pretty(value: Any) -> str:
    """A JSON value laid out for reading, short ones on one line; numbers stay exact whatever their length."""
    line = json.dumps(value, ensure_ascii=False)
    return line if len(line) <= _SHORT else json.dumps(value, indent=2, ensure_ascii=False)


def one_line(value: Any, limit: int = _LINE_LENGTH) -> str:
    """A JSON value on one line, cut to `limit` characters."""
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= limit else text[: limit - 1] + "…"


def arguments(args: Sequence[Any] | None, kwargs: Mapping[str, Any] | None, limit: int = _LINE_LENGTH) -> str:
    """Arguments as in a call, cut to `limit` characters: `"emea", max_rows=5000`."""
    parts = [one_line(value, limit) for value in args or ()]
    parts += [f"{name}={one_line(value, limit)}" for name, value in (kwargs or {}).items()]
    text = ", ".join(parts)
    return text if len(text) <= limit else text[: limit - 1] + "…"
