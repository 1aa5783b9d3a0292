"""A timing in words, in the language of the request: "Weekdays at 10:00", "每周二 14:20".

The shapes that people write are worded here, from what the expression means rather than how it is spelt.
Of the others cron-descriptor says those that it says rightly; what is left stands as it is written.
"""

import re
from calendar import monthrange
from collections.abc import Iterable
from datetime import date, timedelta
from functools import lru_cache
from itertools import pairwise

from babel.dates import format_date, format_datetime
from cron_descriptor import ExpressionDescriptor, Options
from flask_babel import get_locale, pgettext
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l

from app.schedules.timing.cron import parse
from app.schedules.timing.fires import Timing
from app.schedules.timing.local_times import LAST, CronExpression

FEW_TIMES = 3  # times of day that are listed one by one even when they have a rhythm
MOST_TIMES = 5  # times of day that are listed one by one when they have none
MOST_DATES = 6  # the same for days of a month
_UNITS = (
    (86_400, _l("Every day"), _l("Every %(n)s days")),
    (3_600, _l("Every hour"), _l("Every %(n)s hours")),
    (60, _l("Every minute"), _l("Every %(n)s minutes")),
    (1, _l("Every second"), _l("Every %(n)s seconds")),
)
_SUNDAY = date(2000, 1, 2)
_ALL_MONTHS, _ALL_DAYS, _ALL_WEEKDAYS = frozenset(range(1, 13)), frozenset(range(1, 32)), frozenset(range(7))
_WORKING_DAYS, _WEEKEND = frozenset({1, 2, 3, 4, 5}), frozenset({0, 6})
_NTH = {
    1: _l("At %(times)s, on the first %(weekday)s of the month"),
    2: _l("At %(times)s, on the second %(weekday)s of the month"),
    3: _l("At %(times)s, on the third %(weekday)s of the month"),
    4: _l("At %(times)s, on the fourth %(weekday)s of the month"),
    5: _l("At %(times)s, on the fifth %(weekday)s of the month"),
    LAST: _l("At %(times)s, on the last %(weekday)s of the month"),
}
_ITEM = r"(?:\d{1,2}|[a-z]{3})"
_PLAIN = re.compile(rf"\*|l|[0-6](?:l|#[1-5])|{_ITEM}(?:-{_ITEM}|(?:,{_ITEM})*)", re.ASCII)
_DESCRIPTOR_LOCALES = {"en": "en_US", "zh": "zh_CN"}


def words(timing: Timing) -> str:
    """The timing in one sentence without its zone, window and jitter.

    Raises TimingError for a timing that cannot be evaluated.
    """
    match timing.task_type:
        case "one_time":
            if timing.run_at is None:
                raise ValueError("a one-time timing without run_at")
            run_at = timing.run_at.astimezone(timing.tz)
            pattern = _("d MMM y HH:mm:ss") if run_at.second else _("d MMM y HH:mm")
            return _("Once, %(when)s", when=format_datetime(run_at, pattern, locale=get_locale() or "en"))
        case "interval":
            if not timing.interval_seconds:
                raise ValueError("an interval timing without interval_seconds")
            return _every(timing.interval_seconds)
        case "cron":
            return _cron_words(timing.expression.text, str(get_locale() or "en"))


def day_in_words(day: date, pattern: str) -> str:
    """A date by one of Babel's patterns, in the language of the request."""
    return str(format_date(day, pattern, locale=get_locale() or "en"))


def listed(items: Iterable[object]) -> str:
    """`a, b and c`."""
    *others, last = map(str, items)
    return (
        _("%(items)s and %(last)s", items=pgettext("list", ", ").join(others), last=last) if others else last
    )


def _every(seconds: int) -> str:
    unit, single, many = next(unit_words for unit_words in _UNITS if seconds % unit_words[0] == 0)
    return str(single) if seconds == unit else str(many) % {"n": seconds // unit}


@lru_cache(maxsize=4096)
def _cron_words(text: str, language: str) -> str:
    cron = parse(text)
    repeat = _repeat(cron) if cron.per_day > FEW_TIMES else None
    if repeat is not None:
        sentence = _repeat_on_days(cron, repeat)
    elif cron.per_day <= MOST_TIMES:
        sentence = _days_at(cron, _times(cron))
    else:
        sentence = None
    return sentence or _described(cron, language.partition("_")[0]) or cron.text


def _times(cron: CronExpression) -> str:
    return listed(
        _clock(hour, minute) + (f":{second:02}" if cron.seconds != (0,) else "")
        for hour in cron.hours
        for minute in cron.minutes
        for second in cron.seconds
    )


def _clock(hour: int, minute: int) -> str:
    return f"{hour:02}:{minute:02}"


def _repeat(cron: CronExpression) -> str | None:
    """How often it fires on a day, when that is a plain rhythm."""
    hours, minutes = cron.hours, cron.minutes
    span = _span(hours)
    if cron.seconds != (0,):
        step = _even_step(cron.seconds, 60)
        return _every(step) if step and not cron.seconds[0] and len(hours) * len(minutes) == 1440 else None
    if len(minutes) == 1:
        return _repeat_hourly(hours, minutes[0], span)
    step = _even_step(minutes, 60)
    if step is None or span is None:
        return None
    every = _every(step * 60)
    if len(hours) < 24:
        return _from_to(every, _clock(span[0], minutes[0]), _clock(span[1], minutes[-1]))
    return _("%(every)s, from :%(minute)s", every=every, minute=f"{minutes[0]:02}") if minutes[0] else every


def _repeat_hourly(hours: tuple[int, ...], minute: int, span: tuple[int, int] | None) -> str | None:
    if len(hours) == 24:
        return _("Hourly at %(minute)s past", minute=minute) if minute else _every(3600)
    if step := _even_step(hours, 24):
        every = _every(step * 3600)
        if hours[0] == minute == 0:
            return every
        return _("%(every)s, from %(time)s", every=every, time=_clock(hours[0], minute))
    step = 1 if span else _step(hours)
    first, last = span or (hours[0], hours[-1])
    return _from_to(_every(step * 3600), _clock(first, minute), _clock(last, minute)) if step else None


def _from_to(every: str, first: str, last: str) -> str:
    return _("%(every)s from %(first)s to %(last)s", every=every, first=first, last=last)


def _even_step(values: tuple[int, ...], cycle: int) -> int | None:
    """The step when the values go round the cycle evenly, as 5, 20, 35, 50 go round 60."""
    step = _step(values)
    return step if step and step * len(values) == cycle else None


def _step(values: tuple[int, ...]) -> int | None:
    """The step from each value to the next when that is always the same."""
    steps = {after - before for before, after in pairwise(values)}
    return steps.pop() if len(steps) == 1 else None


def _span(hours: tuple[int, ...]) -> tuple[int, int] | None:
    """The first and last of hours in a row, also over midnight (22 to 6)."""
    breaks = [index for index in range(1, len(hours)) if hours[index] != hours[index - 1] + 1]
    if not breaks:
        return hours[0], hours[-1]
    if len(breaks) == 1 and hours[0] == 0 and hours[-1] == 23:
        return hours[breaks[0]], hours[breaks[0] - 1]
    return None


def _weekdays(cron: CronExpression) -> frozenset[int] | None:
    """The days of the week on which it fires, all year; None when more than they decides."""
    if cron.months != _ALL_MONTHS or cron.days != _ALL_DAYS:
        return None
    return cron.weekdays if cron.weekdays == _ALL_WEEKDAYS or (cron.days_and and not cron.nth) else None


def _weekday_names(weekdays: Iterable[int]) -> str:
    """`Mondays and Fridays`, from Monday on."""
    days = sorted(weekdays, key=lambda day: (day - 1) % 7)
    return listed(day_in_words(_SUNDAY + timedelta(days=day), _("EEEE's'")) for day in days)


def _repeat_on_days(cron: CronExpression, repeat: str) -> str | None:
    days, span = _weekdays(cron), _span(cron.hours)
    if days == _ALL_WEEKDAYS:
        return repeat
    if not days or (span and span[0] > span[1]):
        return None  # over midnight: that would be another day
    if days == _WORKING_DAYS:
        return _("%(every)s on weekdays", every=repeat)
    if days == _WEEKEND:
        return _("%(every)s at weekends", every=repeat)
    return _("%(every)s on %(weekdays)s", every=repeat, weekdays=_weekday_names(days))


def _days_at(cron: CronExpression, times: str) -> str | None:
    days = _weekdays(cron)
    if days == _ALL_WEEKDAYS:
        return _("Every day at %(times)s", times=times)
    if days == _WORKING_DAYS:
        return _("Weekdays at %(times)s", times=times)
    if days == _WEEKEND:
        return _("Weekends at %(times)s", times=times)
    if days:
        return _("%(weekdays)s at %(times)s", weekdays=_weekday_names(days), times=times)
    if once := _once_a_month(cron, times):
        return once
    if cron.weekdays != _ALL_WEEKDAYS or not cron.days_and or cron.last_day or len(cron.days) > MOST_DATES:
        return None
    dates = listed(sorted(cron.days))
    if cron.months != _ALL_MONTHS:
        if any(max(cron.days) > monthrange(2000, month)[1] for month in cron.months):
            return None
        months = listed(day_in_words(date(2000, month, 1), _("MMMM")) for month in sorted(cron.months))
        return _("On day %(days)s of %(months)s at %(times)s", days=dates, months=months, times=times)
    if max(cron.days) > 28:
        return _("In months that have it, on day %(days)s at %(times)s", days=dates, times=times)
    return _("Every month on day %(days)s at %(times)s", days=dates, times=times)


def _once_a_month(cron: CronExpression, times: str) -> str | None:
    """On one weekday of each month, such as its first Monday, or on its last day; None for other days."""
    if cron.months != _ALL_MONTHS or not cron.days_and:
        return None
    if cron.last_day and not cron.days and cron.weekdays == _ALL_WEEKDAYS:
        return _("At %(times)s, on the last day of the month", times=times)
    if cron.days != _ALL_DAYS or cron.weekdays or len(cron.nth) != 1:
        return None
    ((weekday, number),) = cron.nth
    name = day_in_words(_SUNDAY + timedelta(days=weekday), "EEEE")
    return str(_NTH[number]) % {"times": times, "weekday": name}


def _described(cron: CronExpression, language: str) -> str:
    """cron-descriptor's sentence; empty where it has none that is right.

    What it says wrongly (2.2): a step, which begins anew at each full hour and month; a list of hours beside
    several minutes; a list that holds a range, `L` or `#`; a range of weekdays beside days of the month,
    without its "or". Its Chinese has English names of days and months, and half of its punctuation.
    """
    seconds, *columns = cron.columns
    minute, hour, day, _month, weekday = columns
    several = ("-", "l", "#")
    if (
        language not in _DESCRIPTOR_LOCALES
        or seconds != "0"
        or not all(map(_is_plain, columns))
        or ("," in hour and len(cron.minutes) > 1)
        or (hour.isdigit() and "," in minute)
        or ("*" not in (day, weekday) and any(sign in weekday for sign in several))
    ):
        return ""
    options = Options()
    options.locale_code, options.use_24hour_time_format = _DESCRIPTOR_LOCALES[language], True
    sentence = str(ExpressionDescriptor(" ".join(columns).upper(), options).get_description())
    if language != "zh":
        return sentence
    if re.search("[A-Za-z]", sentence):
        return ""
    return re.sub(r"(?<=\d), (?=\d)", "、", sentence.replace(", 和", " 和")).replace(", ", "，")  # noqa: RUF001 - Chinese


def _is_plain(column: str) -> bool:
    """Whether it is `*`, one value, a list or a range that does not wrap."""
    first, _dash, last = column.partition("-")
    return _PLAIN.fullmatch(column) is not None and not (last.isdigit() and int(first) > int(last))
