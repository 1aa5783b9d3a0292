"""What a schedule of another scheduler would be here: the same fires, or the reasons why not.

What differs without hindering is said too, so that who takes it over knows it before.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from flask_babel import gettext as _

from app import catalog
from app.errors import Invalid
from app.runs import apps
from app.schedules import celery_crontab, edits
from app.schedules.celery_crontab import NoEqual
from app.schedules.definition import Definition
from app.schedules.foreign.entries import Clocked, Crontab, Entry, Interval, Other
from app.schedules.timing import TimingError
from app.schedules.timing.checks import LONGEST_INTERVAL_SECONDS
from app.schedules.validation import with_app

_HIGHEST = 9


@dataclass(frozen=True)
class Conversion:
    """The definition, off and ready to be stored, or the `problems`; `remarks` are what will be otherwise."""

    definition: Definition | None
    problems: tuple[str, ...] = ()
    remarks: tuple[str, ...] = ()


def convert(entry: Entry, now: datetime, app: str | None = None) -> Conversion:
    """The entry as a schedule of this deployment: for a task of the `app`, or by its name alone."""
    problems = list(entry.problems)
    try:
        timing = _timing(entry, now)
    except (NoEqual, TimingError) as error:
        timing, problems = {}, [str(error), *problems]
    priority, remark = _priority(entry, app)
    if problems:
        return Conversion(None, tuple(problems))
    definition = Definition(
        name=entry.name,
        task_name=entry.task_name,
        app=app,
        args=entry.args,
        kwargs=entry.kwargs,
        enabled=entry.enabled,
        queue=entry.queue,
        priority=priority,
        starts_at=entry.starts_at,
        ends_at=entry.ends_at,
        max_runs=1 if entry.one_off and not isinstance(entry.timing, Clocked) else None,
        message_ttl_seconds=entry.message_ttl_seconds,
        note=entry.note,
        **timing,
    )
    try:
        definition = edits.completed(with_app(definition), now)
    except Invalid as error:
        return Conversion(None, tuple(_texts(error)))
    except (TypeError, ValueError) as error:  # values of kinds that no schedule has
        return Conversion(None, (_("It cannot be read: %(why)s", why=f"{type(error).__name__}: {error}"),))
    return Conversion(definition, (), tuple(filter(None, (remark, *_remarks(entry, now)))))


def _texts(error: Invalid) -> Iterator[str]:
    for field, messages in error.errors.items():
        yield f"{field}: {' '.join(messages)}"


def _timing(entry: Entry, now: datetime) -> dict[str, Any]:
    """The fields of a definition that time it; raises `NoEqual` and `TimingError`."""
    if entry.one_off and entry.run_count and entry.enabled:
        raise NoEqual(_("It was to run once, and has run."))
    timing = entry.timing
    if isinstance(timing, Other):
        raise NoEqual(timing.why)
    if isinstance(timing, Clocked):
        if timing.at < now:
            raise NoEqual(_("This moment has passed already."))
        return {"task_type": "one_time", "run_at": timing.at, "timezone": entry.timezone}
    if isinstance(timing, Interval):
        return _interval(timing, entry, now)
    try:
        value = timing.celery(entry.timezone, lambda: now)
    except ValueError as error:
        raise NoEqual(_("Its crontab cannot be read: %(why)s", why=error)) from None
    text = celery_crontab.expression(value, entry.timezone, now)
    return {"task_type": "cron", "cron_schedule": text, "timezone": entry.timezone}


def _interval(timing: Interval, entry: Entry, now: datetime) -> dict[str, Any]:
    """It goes on in step with its last run; one that has not begun begins at its start."""
    seconds = timing.seconds
    if timing.relative:
        raise NoEqual(_("It counts from full minutes, hours or days of the clock. Cron can say that."))
    if not 1 <= seconds <= LONGEST_INTERVAL_SECONDS or seconds != int(seconds):
        raise NoEqual(_("An interval takes whole seconds, from 1 to 10 years."))
    anchor = entry.last_run_at or now
    if entry.last_run_at is None and entry.starts_at and entry.starts_at > now:
        anchor = entry.starts_at - timedelta(seconds=seconds if entry.fires_at_start else 0)
    anchor = anchor.replace(microsecond=0)
    return {"task_type": "interval", "interval_seconds": int(seconds), "anchor_at": anchor}


def _priority(entry: Entry, app: str | None) -> tuple[int | None, str]:
    """Theirs as it counts here, and what is said of it: Redis counts the other way round than RabbitMQ."""
    number = entry.priority
    if number is None:
        return None, ""
    info = catalog.lookup(entry.task_name, app)
    broker = apps.delivery(info.app).get("broker") if info and info.app else None
    if broker is None or not isinstance(number, int) or not 0 <= number <= _HIGHEST:
        words = _("Its priority %(n)s is left out: what it means here is not known.", n=number)
        return None, words
    return (_HIGHEST - number if broker == "redis" else number), ""


def _remarks(entry: Entry, now: datetime) -> Iterator[str]:
    timing, starts = entry.timing, entry.starts_at
    if isinstance(timing, Interval) and entry.last_run_at is None and not (starts and starts > now):
        yield _("It has no last run: here it counts from the moment when it is taken over.")
    at_start = entry.fires_at_start and entry.last_run_at is None and starts is not None and starts > now
    if isinstance(timing, Crontab) and at_start:
        yield _("There it also fires at its start itself, here at the first match after it.")
    if not entry.enabled:
        yield _("It is off there, and stays off here.")
