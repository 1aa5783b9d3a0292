"""A timing in words, in English and Simplified Chinese: "Weekdays at 10:00", "每周二 14:20".

The shapes that people write most are worded here, from what the expression means rather than how it is spelt;
the rest is left to `description`.
"""

from datetime import date
from functools import lru_cache
from itertools import pairwise

from babel import Locale

from app.schedules.timing.cron import parse
from app.schedules.timing.description import describe
from app.schedules.timing.fires import Timing
from app.schedules.timing.local_times import CronExpression
from app.schedules.timing.phrases import Phrases

FEW_TIMES = 3  # times of day that are listed one by one even when they have a rhythm
MOST_TIMES = 5  # times of day that are listed one by one when they have none
MOST_DATES = 6  # the same for days of a month
_ALL_MONTHS, _ALL_DAYS, _ALL_WEEKDAYS = frozenset(range(1, 13)), frozenset(range(1, 32)), frozenset(range(7))
_UNITS = (
    (86_400, "Every day", "Every %(n)s days"),
    (3_600, "Every hour", "Every %(n)s hours"),
    (60, "Every minute", "Every %(n)s minutes"),
    (1, "Every second", "Every %(n)s seconds"),
)


def words(timing: Timing, locale: str | Locale | None = None) -> str:
    """The timing in one sentence without its zone, window and jitter.

    Chinese for a `zh` locale, else English; without a locale, that of the current request. Raises TimingError
    for a timing that cannot be evaluated.
    """
    phrases = Phrases(locale)
    match timing.task_type:
        case "one_time":
            if timing.run_at is None:
                raise ValueError("a one-time timing without run_at")
            return phrases.say("Once, %(when)s", when=phrases.moment(timing.run_at.astimezone(timing.place)))
        case "interval":
            if not timing.interval_seconds:
                raise ValueError("an interval timing without interval_seconds")
            return _interval_words(timing.interval_seconds, phrases)
        case "cron":
            return _cron_words(timing.expression.text, phrases.chinese)


def _interval_words(seconds: int, phrases: Phrases) -> str:
    unit, one, many = next(found for found in _UNITS if seconds % found[0] == 0)
    n = seconds // unit
    return phrases.say(one) if n == 1 else phrases.say(many, n=n)


@lru_cache(maxsize=4096)
def _cron_words(text: str, chinese: bool) -> str:
    phrases = Phrases("zh" if chinese else "en")
    expression = parse(text)
    days = _days(expression, phrases)
    if days is not None:
        alone, within = days
        repeat = _repeat(expression, phrases) if expression.per_day > FEW_TIMES else None
        if repeat is not None:
            return phrases.say("%(repeat)s %(days)s", repeat=repeat, days=within) if within else repeat
        if expression.per_day <= MOST_TIMES:
            return phrases.say("%(days)s at %(times)s", days=alone, times=_times(expression, phrases))
    return describe(expression, phrases)


def _times(expression: CronExpression, phrases: Phrases) -> str:
    with_seconds = expression.seconds != (0,)
    return phrases.listed(
        [
            f"{hour:02}:{minute:02}:{second:02}" if with_seconds else f"{hour:02}:{minute:02}"
            for hour in expression.hours
            for minute in expression.minutes
            for second in expression.seconds
        ]
    )


def _repeat(expression: CronExpression, phrases: Phrases) -> str | None:
    """How often it fires on a day, when that is a plain rhythm."""
    all_hours = len(expression.hours) == 24
    if expression.seconds == (0,):
        if len(expression.minutes) == 1:
            return _repeat_hours(expression.hours, expression.minutes[0], phrases)
        return _repeat_minutes(expression.hours, expression.minutes, phrases)
    if all_hours and len(expression.minutes) == 60:
        if len(expression.seconds) == 1:
            return phrases.say("Every minute, at second %(second)s", second=expression.seconds[0])
        step = _even_step(expression.seconds, 60)
        if step == 1:
            return phrases.say("Every second")
        if step and expression.seconds[0] == 0:
            return phrases.say("Every %(n)s seconds", n=step)
    return None


def _repeat_hours(hours: tuple[int, ...], minute: int, phrases: Phrases) -> str | None:
    step = _even_step(hours, 24)
    if step == 1:
        if minute == 0:
            return phrases.say("Every hour")
        return phrases.say("Hourly at %(short)s past", short=minute)
    if step and hours[0] == minute == 0:
        return phrases.say("Every %(n)s hours", n=step)
    if step:
        return phrases.say("Every %(n)s hours, from %(time)s", n=step, time=f"{hours[0]:02}:{minute:02}")
    span = _span(hours)
    if span is None:
        return None
    first, last = f"{span[0]:02}:{minute:02}", f"{span[1]:02}:{minute:02}"
    return phrases.say("Every hour from %(first)s to %(last)s", first=first, last=last)


def _repeat_minutes(hours: tuple[int, ...], minutes: tuple[int, ...], phrases: Phrases) -> str | None:
    step = _even_step(minutes, 60)
    span = _span(hours)
    if step is None or span is None:
        return None
    if len(hours) < 24:
        first, last = f"{span[0]:02}:{minutes[0]:02}", f"{span[1]:02}:{minutes[-1]:02}"
        if step == 1:
            return phrases.say("Every minute from %(first)s to %(last)s", first=first, last=last)
        return phrases.say("Every %(n)s minutes from %(first)s to %(last)s", n=step, first=first, last=last)
    if step == 1:
        return phrases.say("Every minute")
    if minutes[0] == 0:
        return phrases.say("Every %(n)s minutes", n=step)
    return phrases.say(
        "Every %(n)s minutes, from :%(minute)s", n=step, minute=f"{minutes[0]:02}", short=minutes[0]
    )


def _even_step(values: tuple[int, ...], cycle: int) -> int | None:
    """The step when the values go round the cycle evenly, as 5, 20, 35, 50 go round 60."""
    step = cycle // len(values)
    even = len(values) > 1 and step * len(values) == cycle
    return step if even and all(b - a == step for a, b in pairwise(values)) else None


def _span(hours: tuple[int, ...]) -> tuple[int, int] | None:
    """The first and last of hours in a row, also over midnight (22 to 6)."""
    breaks = [index for index in range(1, len(hours)) if hours[index] != hours[index - 1] + 1]
    if not breaks:
        return hours[0], hours[-1]
    if len(breaks) == 1 and hours[0] == 0 and hours[-1] == 23:
        return hours[breaks[0]], hours[breaks[0] - 1]
    return None


def _days(expression: CronExpression, phrases: Phrases) -> tuple[str, str] | None:
    """The days in words, (alone before a time, within a sentence), when they have a plain shape."""
    any_month = expression.months == _ALL_MONTHS
    any_date = expression.days == _ALL_DAYS
    any_weekday = expression.weekdays == _ALL_WEEKDAYS
    if any_month and any_date and any_weekday:
        return phrases.say("Every day"), ""
    if not expression.days_and:
        return None  # either of two columns
    if any_month and any_date:
        return _weekdays(expression, phrases)
    if any_weekday and expression.last_day:
        if expression.days or not any_month:
            return None
        return phrases.say("On the last day of every month"), phrases.say("on the last day of every month")
    if any_weekday:
        return _dates(expression, phrases) if any_month else _date(expression, phrases)
    return None


def _weekdays(expression: CronExpression, phrases: Phrases) -> tuple[str, str] | None:
    if expression.nth and expression.weekdays:
        return None
    if expression.nth:
        days = phrases.listed([phrases.nth_weekday(*pair) for pair in sorted(expression.nth, key=_in_month)])
        return (
            phrases.say("On the %(days)s of every month", days=days),
            phrases.say("on the %(days)s of every month", days=days),
        )
    if expression.weekdays == {1, 2, 3, 4, 5}:
        return phrases.say("Weekdays"), phrases.say("on weekdays")
    if expression.weekdays == {0, 6}:
        return phrases.say("Weekends"), phrases.say("at weekends")
    days = phrases.weekdays(sorted(expression.weekdays, key=lambda day: (day - 1) % 7))
    return phrases.say("%(weekdays)s", weekdays=days), phrases.say("on %(weekdays)s", weekdays=days)


def _in_month(pair: tuple[int, int]) -> tuple[int, int]:
    """Orders (weekday, n) pairs: first Monday, first Tuesday, second Monday, …, last Friday."""
    weekday, n = pair
    return (n or 9), (weekday - 1) % 7


def _dates(expression: CronExpression, phrases: Phrases) -> tuple[str, str] | None:
    days = sorted(expression.days)
    if len(days) > MOST_DATES:
        return None
    listed = phrases.listed(days)
    if days[-1] > 28:
        return (
            phrases.say("In months that have it, on day %(days)s", days=listed),
            phrases.say("in months that have it, on day %(days)s", days=listed),
        )
    return (
        phrases.say("Every month on day %(days)s", days=listed),
        phrases.say("on day %(days)s of every month", days=listed),
    )


def _date(expression: CronExpression, phrases: Phrases) -> tuple[str, str] | None:
    if len(expression.days) != 1 or len(expression.months) != 1:
        return None
    (day,), (month,) = expression.days, expression.months
    shown = phrases.day(date(2000, month, day))
    if (month, day) == (2, 29):
        return phrases.say("Every leap year on %(date)s", date=shown), phrases.say(
            "every leap year on %(date)s", date=shown
        )
    return phrases.say("Every year on %(date)s", date=shown), phrases.say(
        "every year on %(date)s", date=shown
    )
