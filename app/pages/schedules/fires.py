"""The next fires as pages show them: in the schedule's zone and in the viewer's, with their warnings."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from babel.dates import format_datetime
from flask_babel import get_locale, get_timezone
from flask_babel import gettext as _

from app.schedules.timing import PreviewedFire, zone
from app.web.words import duration, one_line, zone_name

SHOWN = 10


@dataclass(frozen=True)
class ShownFire:
    """One fire: day, time and the zone's name at that moment; `here` is the viewer's time where it differs.

    `delay` is by how much jitter moves it, in words.
    """

    due_at: datetime
    day: str
    clock: str
    zone: str
    here: str
    warning: str = ""
    delay: str = ""
    skipped: bool = False
    arguments: tuple[tuple[str, str], ...] = ()


def shown(
    fires: Sequence[PreviewedFire],
    timezone: str,
    now: datetime,
    skips: Sequence[datetime] = (),
    arguments: Sequence[Mapping[str, Any]] = (),
    jitter_known: bool = True,
) -> list[ShownFire]:
    """The fires for a page; `arguments` are, for each of them, those that refer to it, resolved.

    The jitter derives from the schedule's id, so it is not known before the schedule is saved.
    """
    tz, rows = zone(timezone), []
    for number, fire in enumerate(fires):
        later = fire.actual_at - fire.due_at
        values = arguments[number] if number < len(arguments) else {}
        rows.append(
            ShownFire(
                due_at=fire.due_at,
                day=_day(fire.due_at, tz, now),
                clock=_clock(fire.due_at, tz),
                zone=fire.zone_name,
                here=_here(fire.due_at, tz, now),
                warning=fire.warning.text if fire.warning else "",
                delay=duration(later.total_seconds()) if jitter_known and later else "",
                skipped=fire.due_at in skips,
                arguments=tuple((name, _plain(value)) for name, value in values.items()),
            )
        )
    return rows


def _plain(value: Any) -> str:
    return value if isinstance(value, str) else one_line(value)


def _day(moment: datetime, tz: Any, now: datetime) -> str:
    this_year = moment.astimezone(tz).year == now.astimezone(tz).year
    return _format(moment, _("EEE d MMM") if this_year else _("EEE d MMM y"), tz)


def _clock(moment: datetime, tz: Any) -> str:
    return _format(moment, "HH:mm:ss" if moment.second else "HH:mm", tz)


def _here(moment: datetime, tz: Any, now: datetime) -> str:
    """The viewer's day (where it is another) and time; empty where their clock shows the same."""
    own = get_timezone()
    mine, theirs = moment.astimezone(own), moment.astimezone(tz)
    if mine.utcoffset() == theirs.utcoffset():
        return ""
    time = f"{_clock(moment, own)} {zone_name(moment)}"
    return time if mine.date() == theirs.date() else f"{_day(moment, own, now)} {time}"


def _format(moment: datetime, pattern: str, tz: Any) -> str:
    return str(format_datetime(moment, pattern, tzinfo=tz, locale=get_locale()))
