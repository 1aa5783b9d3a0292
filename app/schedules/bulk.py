"""Many schedules at once: what can be done, or taken back again, and what happened to each."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from flask_babel import gettext as _
from sqlalchemy import select

from app.bulk import Result, each
from app.errors import Invalid, NotFound
from app.extensions import db
from app.schedules.edits import delete, undelete, update
from app.schedules.manual_runs import run_now
from app.schedules.models import Schedule, ScheduleChange
from app.schedules.queries import get
from app.schedules.switches import disable, enable, restore, skip

BULK_MAX = 500  # each is a change of its own, and somebody waits for all of them


def of_ids(ids: Sequence[int]) -> list[Schedule]:
    """The schedules of these ids that there are, by name."""
    return list(db.session.scalars(select(Schedule).where(Schedule.id.in_(ids)).order_by(Schedule.name)))


def apply(
    action: str, ids: Sequence[int], by: str | None, now: datetime, values: Mapping[str, Any]
) -> list[Result]:
    """Do one of `ACTIONS` with each; what cannot be done is said, the others are done. At most 500.

    Of `values`, an action takes what it needs: `note` to switch, `queue` to send elsewhere (None:
    the queue of each one's task). Raises `Invalid`.
    """
    if action not in ACTIONS:
        raise Invalid({"action": [_("Choose one of: %(choices)s.", choices=", ".join(ACTIONS))]})
    act = ACTIONS[action]
    return each(ids, lambda schedule_id: act(schedule_id, by, now, values), BULK_MAX, "ids")


def _run(schedule_id: int, by: str | None, now: datetime, values: Mapping[str, Any]) -> str:
    """By its own overlap policy."""
    name = get(schedule_id).name
    run_now(schedule_id, by, now)
    return name


def _enable(schedule_id: int, by: str | None, now: datetime, values: Mapping[str, Any]) -> str:
    return enable(schedule_id, by, now, values.get("note", "")).name


def _disable(schedule_id: int, by: str | None, now: datetime, values: Mapping[str, Any]) -> str:
    return disable(schedule_id, by, now, values.get("note", "")).name


def _change_queue(schedule_id: int, by: str | None, now: datetime, values: Mapping[str, Any]) -> str:
    return update(schedule_id, {"queue": values.get("queue")}, by, now).name


def _delete(schedule_id: int, by: str | None, now: datetime, values: Mapping[str, Any]) -> str:
    return delete(schedule_id, by, now)


def _undelete(schedule_id: int, by: str | None, now: datetime, values: Mapping[str, Any]) -> str:
    return undelete(schedule_id, by, now).name


ACTIONS: dict[str, Callable[[int, str | None, datetime, Mapping[str, Any]], str]] = {
    "run": _run,
    "enable": _enable,
    "disable": _disable,
    "queue": _change_queue,
    "delete": _delete,
    "undelete": _undelete,
}
UNDOABLE = ("enable", "disable", "queue", "delete")  # by `undo`; what was sent is not taken back


WITHIN = timedelta(minutes=5)  # pages offer it for seconds; nobody means to take back what is older
_TAKEN_BACK = ("enable", "disable", "delete", "skip", "restore", "update", "take-over")


def undo(done_at: datetime, by: str | None, now: datetime) -> list[Result]:
    """Take back every change that `by` made at exactly that moment; says what happened to each schedule.

    What was changed again since then is left alone and said. Of an update only a changed queue is taken
    back. Raises `NotFound` when there is nothing to take back, or no more.
    """
    query = select(ScheduleChange).where(
        ScheduleChange.at == done_at, ScheduleChange.by == by, ScheduleChange.action.in_(_TAKEN_BACK)
    )
    changes = {change.schedule_id: change for change in db.session.scalars(query)}
    steps = {schedule_id: step for schedule_id, change in changes.items() if (step := _step(change, by, now))}
    if not steps or now - done_at > WITHIN:
        raise NotFound(_("There is nothing left to take back."))
    return each(steps, lambda schedule_id: steps[schedule_id](), BULK_MAX, "done_at")


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
        case "take-over":
            return lambda: delete(schedule_id, by, now, version)
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
