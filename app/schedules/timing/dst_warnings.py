"""What a schedule does at the next changes of its clocks, said before it surprises anybody."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from flask_babel import gettext as _

from app.schedules.timing.fires import Timing, first_fire, is_fire, previous_fire
from app.schedules.timing.local_times import count_local_times, first_local_time, last_local_time
from app.schedules.timing.words import day_in_words, listed
from app.schedules.timing.zones import ONE_SECOND, ClockChange, next_changes

HOW_MANY = 2  # clock changes looked at: usually the next spring and the next autumn
_MOST_NAMED = 3  # local times named one by one


@dataclass(frozen=True, slots=True)
class ChangeWarning:
    """One clock change that touches the schedule.

    `date` is the local date of the change and `at` its instant; `due_at` is the fire it is about, beside
    which a preview shows the sentence.
    """

    date: date
    at: datetime
    due_at: datetime
    text: str


def warnings(timing: Timing, now: datetime) -> list[ChangeWarning]:
    """What the next two clock changes in the schedule's zone do to it; nothing for those that do nothing.

    In the language of the request. Raises TimingError for a timing that cannot be evaluated.
    """
    warning_of = {"one_time": _once, "interval": _interval, "cron": _cron}[timing.task_type]
    texts = []
    for change in next_changes(timing.tz, now.astimezone(UTC), HOW_MANY):
        warning = warning_of(timing, change)
        if warning is not None:
            due_at, sentences = warning
            texts.append(_warning(change, due_at, sentences))
    return texts


def _warning(change: ClockChange, due_at: datetime, sentences: list[str]) -> ChangeWarning:
    back = change.after < change.before
    # The day of the local times that come twice, or that do not come.
    day = _local(change.at, change.after if back else change.before).date()
    shown = _day(day)
    text = (
        _("Clocks go back on %(date)s.", date=shown)
        if back
        else _("Clocks go forward on %(date)s.", date=shown)
    )
    for sentence in sentences:
        text = _("%(text)s %(sentence)s", text=text, sentence=sentence)
    return ChangeWarning(day, change.at, due_at, text)


@dataclass(frozen=True, slots=True)
class _Touched:
    """The local times of an entry that a change repeats or skips; `named` holds the first few."""

    count: int
    named: list[datetime]
    last: datetime


def _touched(timing: Timing, change: ClockChange) -> _Touched | None:
    low = _local(change.at, min(change.before, change.after))
    high = _local(change.at, max(change.before, change.after))
    last = last_local_time(timing.expression, low, high)
    if last is None:
        return None
    named: list[datetime] = []
    local = first_local_time(timing.expression, low, high)
    while local is not None and len(named) < _MOST_NAMED:
        named.append(local)
        local = first_local_time(timing.expression, local + ONE_SECOND, high)
    return _Touched(count_local_times(timing.expression, low, high), named, last)


def _cron(timing: Timing, change: ClockChange) -> tuple[datetime, list[str]] | None:
    touched = _touched(timing, change)
    if touched is None:
        return None
    if change.after < change.before:
        return _repeated(timing, change, touched)
    return _skipped(timing, change, touched)


def _repeated(timing: Timing, change: ClockChange, touched: _Touched) -> tuple[datetime, list[str]] | None:
    first = touched.named[0].replace(tzinfo=UTC) - change.before
    if not is_fire(timing, first):
        return None
    time, before, after = _clock(touched.named[0]), _zone_name(timing, first), _zone_name(timing, change.at)
    if not timing.expression.fixed:
        then = _("This fires both times (%(first)s, then %(second)s).", first=before, second=after)
    elif touched.count == 1:
        then = _("This fires once, at the first %(time)s (%(zone)s).", time=time, zone=before)
    else:
        then = _("Each fires once, the first time (%(zone)s).", zone=before)
    if touched.count == 1:
        what = _("%(time)s comes twice that night.", time=time)
    elif touched.count <= _MOST_NAMED:
        what = _("%(times)s come twice that night.", times=_times(touched))
    else:
        what = _("%(n)s fire times from %(first)s to %(last)s come twice that night.", **_extent(touched))
    return first, [what, then]


def _skipped(timing: Timing, change: ClockChange, touched: _Touched) -> tuple[datetime, list[str]] | None:
    if timing.starts_at is not None and timing.starts_at > change.at:
        return None
    due_at = first_fire(timing, change.at)
    if due_at is None:
        return None
    due = due_at.astimezone(timing.tz)
    values = {"time": _clock(due), "zone": _zone_name(timing, due_at)}
    if timing.expression.fixed:
        then = _("This fires once instead, at %(time)s (%(zone)s).", **values)
    elif due.date() == touched.last.date():
        then = _("The next fire is at %(time)s (%(zone)s).", **values)
    else:
        then = _("The next fire is on %(date)s at %(time)s (%(zone)s).", date=_day(due.date()), **values)
    if touched.count == 1:
        what = _("%(time)s does not exist that night.", time=_clock(touched.last))
    elif touched.count <= _MOST_NAMED:
        what = _("%(times)s do not exist that night.", times=_times(touched))
    else:
        what = _("%(n)s fire times from %(first)s to %(last)s do not exist that night.", **_extent(touched))
    return due_at, [what, then]


def _once(timing: Timing, change: ClockChange) -> tuple[datetime, list[str]] | None:
    """A one-time fire whose local time comes twice: which of the two it is."""
    if timing.run_at is None or change.after > change.before:
        return None
    run_at = timing.run_at.astimezone(UTC)
    twice = change.before - change.after
    if not change.at - twice <= run_at < change.at + twice:
        return None
    values = {"time": _clock(run_at.astimezone(timing.tz)), "zone": _zone_name(timing, run_at)}
    if run_at < change.at:
        which = _("This is the first %(time)s (%(zone)s).", **values)
    else:
        which = _("This is the second %(time)s (%(zone)s).", **values)
    return run_at, [_("%(time)s comes twice that night.", time=values["time"]), which]


def _interval(timing: Timing, change: ClockChange) -> tuple[datetime, list[str]] | None:
    """An interval of whole days, which people read as a time of day, moves on the clock."""
    if not timing.interval_seconds or timing.interval_seconds % 86_400:
        return None
    earlier, due_at = previous_fire(timing, change.at), first_fire(timing, change.at)
    if earlier is None or due_at is None:
        return None
    before, after = earlier.astimezone(timing.tz), due_at.astimezone(timing.tz)
    if before.time() == after.time():
        return None
    return due_at, [
        _(
            "Days are counted as 24 hours: from then on this fires at %(after)s, not at %(before)s.",
            after=_clock(after),
            before=_clock(before),
        )
    ]


def _local(moment: datetime, offset: timedelta) -> datetime:
    return (moment + offset).replace(tzinfo=None)


def _zone_name(timing: Timing, moment: datetime) -> str:
    return moment.astimezone(timing.tz).tzname() or ""


def _clock(local: datetime) -> str:
    return f"{local:%H:%M:%S}" if local.second else f"{local:%H:%M}"


def _day(day: date) -> str:
    return day_in_words(day, _("d MMMM"))


def _times(touched: _Touched) -> str:
    return listed([_clock(local) for local in touched.named])


def _extent(touched: _Touched) -> dict[str, object]:
    return {"n": touched.count, "first": _clock(touched.named[0]), "last": _clock(touched.last)}
