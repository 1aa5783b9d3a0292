"""The next hour as a drawing: one line below the other, a second of the hour is one unit across."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from flask_babel import get_timezone, ngettext
from flask_babel import gettext as _

from app.overview import NextHour
from app.overview.next_hour import ScheduleFires
from app.web.charts import Tick
from app.web.words import amount, duration

PITCH = 24  # px from one line to the next
_TICK_MINUTES = 10
_NOT_BEFORE = 14.0  # percent; there stands "now"
_APART = 9.0  # percent between two words


@dataclass(frozen=True)
class DrawnRow:
    """The name of a schedule, how late it is, how often it fires if that is not drawn; all in words."""

    schedule_id: int
    name: str
    y: int
    late: str
    often: str
    summary: str


@dataclass(frozen=True)
class Drawing:
    """What templates/overview/_next_hour.html draws. `fullest` is in percent."""

    rows: Sequence[DrawnRow]
    height: int
    lines: str
    busy: str
    dots: str
    ticks: Sequence[Tick]
    fullest: float | None
    together: str


def drawing(hour: NextHour, now: datetime) -> Drawing:
    """The lines of an hour that has some."""
    rows = [_row(line, index, now) for index, line in enumerate(hour.lines)]
    busy = [row.y for row in rows if row.often]
    return Drawing(
        rows=rows,
        height=PITCH * len(rows),
        lines="".join(f"M0 {row.y}h3600" for row in rows if row.y not in busy),
        busy="".join(f"M0 {y}h3600" for y in busy),
        dots="".join(
            f"M{(at - hour.from_at).total_seconds():.0f} {row.y}h0"
            for row, line in zip(rows, hour.lines, strict=True)
            for at in (line.coming.fires if line.coming else ())
        ),
        ticks=_ticks(hour),
        fullest=_at(hour, hour.fullest[0]) if hour.fullest else None,
        together=_("%(n)s start together", n=hour.fullest[1]) if hour.fullest else "",
    )


def summary(hour: NextHour) -> str:
    """The hour in words: "30 fires from 7 schedules"."""
    if not hour.whole:
        return _("over %(fires)s fires from over %(n)s schedules", fires=hour.fires, n=hour.number)
    fires = ngettext("%(num)s fire", "%(num)s fires", hour.fires)
    return ngettext(
        "%(fires)s from %(num)s schedule", "%(fires)s from %(num)s schedules", hour.number, fires=fires
    )


def _row(line: ScheduleFires, index: int, now: datetime) -> DrawnRow:
    late, often, coming = "", "", line.coming
    if line.late_since is not None:
        late = _("%(amount)s late", amount=amount((now - line.late_since).total_seconds()))
    if coming and not coming.fires:
        often = ngettext("%(num)s fire", "%(num)s fires", coming.count)
        if coming.interval_seconds:
            often = _("every %(span)s", span=duration(coming.interval_seconds))
    times = _(", ").join(_clock(at) for at in coming.fires) if coming else ""
    parts = [part for part in (late, often or times) if part]
    return DrawnRow(line.schedule_id, line.name, PITCH * index + PITCH // 2, late, often, _("; ").join(parts))


def _ticks(hour: NextHour) -> list[Tick]:
    """Every ten minutes of the viewer's clock, where "now" and the fullest minute leave room."""
    fullest = hour.fullest[0] if hour.fullest else None
    strong = []
    if fullest and _at(hour, fullest) >= _APART:
        strong = [Tick(_at(hour, fullest), _clock(fullest), strong=True)]
    ticks = []
    local = hour.from_at.astimezone(get_timezone())
    at = hour.from_at + timedelta(minutes=_TICK_MINUTES - local.minute % _TICK_MINUTES)
    while at <= hour.until_at:
        percent = _at(hour, at)
        if percent >= _NOT_BEFORE and all(abs(percent - tick.at) >= _APART for tick in strong):
            odd = at.astimezone(get_timezone()).minute % (2 * _TICK_MINUTES)
            near = any(abs(percent - tick.at) < 2 * _APART for tick in strong)
            ticks.append(Tick(percent, _clock(at), minor=bool(odd) or near or percent < 2 * _NOT_BEFORE))
        at += timedelta(minutes=_TICK_MINUTES)
    return sorted([*ticks, *strong], key=lambda tick: tick.at)


def _at(hour: NextHour, moment: datetime) -> float:
    return round(100 * (moment - hour.from_at) / (hour.until_at - hour.from_at), 2)


def _clock(moment: datetime) -> str:
    return f"{moment.astimezone(get_timezone()):%H:%M}"
