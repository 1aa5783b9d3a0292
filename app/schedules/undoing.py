"""Takes back what one person did to schedules in one step, as the change history tells it."""

from collections.abc import Callable
from datetime import datetime, timedelta

from flask_babel import gettext as _
from sqlalchemy import select

from app.errors import NotFound
from app.extensions import db
from app.schedules.edits import undelete, update
from app.schedules.models import ScheduleChange
from app.schedules.skipping import restore, skip
from app.schedules.switching import Outcome, disable, each, enable

WITHIN = timedelta(minutes=5)  # pages offer it for seconds; nobody means to take back what is older
ACTIONS = ("enable", "disable", "delete", "skip", "restore", "update")


def undo(done_at: datetime, by: str | None, now: datetime) -> list[Outcome]:
    """Take back every change that `by` made at exactly that moment; says what happened to each schedule.

    What was changed again since then is left alone and said. Of an update only a changed queue is taken
    back. Raises `NotFound` when there is nothing to take back, or no more.
    """
    query = select(ScheduleChange).where(
        ScheduleChange.at == done_at, ScheduleChange.by == by, ScheduleChange.action.in_(ACTIONS)
    )
    found = {change.schedule_id: change for change in db.session.scalars(query)}
    steps = {one: step for one, change in found.items() if (step := _step(change, by, now))}
    if not steps or now - done_at > WITHIN:
        raise NotFound(_("There is nothing left to take back."))
    return each(list(steps), lambda schedule_id: steps[schedule_id]())


def _step(change: ScheduleChange, by: str | None, now: datetime) -> Callable[[], str] | None:
    """What takes one change back and returns the schedule's name; None when nothing does."""
    schedule_id, version, diff = change.schedule_id, change.version, dict(change.diff)
    match change.action:
        case "delete":
            return lambda: undelete(schedule_id, by, now).name
        case "enable":
            return lambda: disable(schedule_id, by, now, "", version).name
        case "disable":
            return lambda: enable(schedule_id, by, now, "", version).name
        case "skip":
            at = datetime.fromisoformat(diff["skips"][1])
            return lambda: restore(schedule_id, at, by, now).name
        case "restore":
            at = datetime.fromisoformat(diff["skips"][0])
            return lambda: skip(schedule_id, by, now, at).name
    if list(diff) != ["queue"]:
        return None
    before = {"queue": diff["queue"][0]}
    return lambda: update(schedule_id, before, by, now, version).name
