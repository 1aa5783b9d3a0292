"""What must hold before a timing is saved, said at the field where it does not."""

from datetime import datetime

from flask_babel import gettext as _

from app.schedules.timing.cron import parse
from app.schedules.timing.errors import TimingError
from app.schedules.timing.fires import Timing, first_fire
from app.schedules.timing.local_times import CronExpression
from app.schedules.timing.zones import LAST_YEAR, zone

LONGEST_INTERVAL_SECONDS = 10 * 366 * 86_400
LONGEST_JITTER_SECONDS = 86_400


def parse_cron(text: str, timezone: str, now: datetime) -> CronExpression:
    """The parsed expression, known to fire in that zone after `now`.

    Raises TimingError (a ValueError) with `field` and `part`: see `cron.parse` and `zones.zone`.
    """
    expression = parse(text)
    zone(timezone)
    if first_fire(Timing(task_type="cron", cron_schedule=text, timezone=timezone), now) is None:
        raise TimingError("cron_schedule", _("This never fires."))
    return expression


def errors(timing: Timing, now: datetime) -> dict[str, list[str]]:
    """Messages by field; empty when the timing can be saved and fires at least once from `now` on."""
    messages: dict[str, list[str]] = {}
    try:
        zone(timing.timezone)
    except TimingError as refused:
        return {refused.field: [refused.message]}
    for field, message in (*_type_errors(timing, now), *_window_errors(timing, now)):
        messages.setdefault(field, []).append(message)
    if not messages and first_fire(timing, now) is None:
        messages["ends_at"] = [_("Nothing fires between the start and the end.")]
    return messages


def _type_errors(timing: Timing, now: datetime) -> list[tuple[str, str]]:
    match timing.task_type:
        case "one_time":
            return _run_at_errors(timing, now)
        case "interval":
            seconds = timing.interval_seconds
            if seconds is None or not 1 <= seconds <= LONGEST_INTERVAL_SECONDS:
                return [("interval_seconds", _("An interval takes from 1 second to 10 years, in seconds."))]
            if timing.anchor_at is None:
                return [("anchor_at", _("An interval needs a moment to count from."))]
        case "cron":
            try:
                parse_cron(timing.cron_schedule or "", timing.timezone, now)
            except TimingError as refused:
                return [(refused.field, refused.message)]
        case _:
            return [("task_type", _("The type is one_time, interval or cron."))]
    return []


def _run_at_errors(timing: Timing, now: datetime) -> list[tuple[str, str]]:
    if timing.run_at is None:
        return [("run_at", _("A one-time schedule needs a moment to run at."))]
    if timing.run_at < now:
        return [("run_at", _("This moment has passed already."))]
    if timing.run_at.year > LAST_YEAR:
        return [("run_at", _("This is too far away."))]
    return []


def _window_errors(timing: Timing, now: datetime) -> list[tuple[str, str]]:
    messages = []
    if timing.ends_at is not None and timing.starts_at is not None and timing.ends_at < timing.starts_at:
        messages.append(("ends_at", _("The end is before the start.")))
    elif timing.ends_at is not None and timing.ends_at < now:
        messages.append(("ends_at", _("The end has passed already.")))
    if not 0 <= timing.jitter_seconds <= LONGEST_JITTER_SECONDS:
        messages.append(
            ("jitter_seconds", _("Jitter takes 0 to %(most)s seconds.", most=LONGEST_JITTER_SECONDS))
        )
    return messages
