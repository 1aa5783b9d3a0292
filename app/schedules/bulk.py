"""Many schedules at once, or what was done at once taken back; what happened to each is said."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from flask_babel import gettext as _
from sqlalchemy import select

from app.errors import CeleriacError, Invalid, NotFound
from app.extensions import db
from app.schedules.edits import delete, undelete, update
from app.schedules.manual_runs import run_now
from app.schedules.models import Schedule, ScheduleChange
from app.schedules.queries import get
from app.schedules.switches import disable, enable, restore, skip

BULK_MAX = 500  # each is a change of its own, and somebody waits for all of them


@dataclass(frozen=True)
class BulkResult:
    """What happened to one schedule of many; `problem` says why nothing did."""

    id: int
    name: str = ""
    problem: str = ""

    @property
    def done(self) -> bool:
        return not self.problem


def enable_many(ids: Sequence[int], by: str | None, now: datetime) -> list[BulkResult]:
    """`enable` for each; what cannot be done is said, the others are done. At most 500."""
    return each(ids, lambda schedule_id: enable(schedule_id, by, now).name)


def disable_many(ids: Sequence[int], by: str | None, now: datetime, note: str = "") -> list[BulkResult]:
    """`disable` for each; what cannot be done is said, the others are done. At most 500."""
    return each(ids, lambda schedule_id: disable(schedule_id, by, now, note).name)


def delete_many(ids: Sequence[int], by: str | None, now: datetime) -> list[BulkResult]:
    """`delete` for each; what cannot be done is said, the others are done. At most 500."""
    return each(ids, lambda schedule_id: delete(schedule_id, by, now))


def undelete_many(ids: Sequence[int], by: str | None, now: datetime) -> list[BulkResult]:
    """`undelete` for each: the undo of `delete_many`."""
    return each(ids, lambda schedule_id: undelete(schedule_id, by, now).name)


def each(ids: Sequence[int], act: Callable[[int], str]) -> list[BulkResult]:
    """Do something with each schedule, which returns its name; an error of one does not stop the others."""
    if len(ids) > BULK_MAX:
        raise Invalid({"ids": [_("At most %(n)s schedules at once.", n=BULK_MAX)]})
    outcomes = []
    for schedule_id in dict.fromkeys(ids):
        try:
            outcomes.append(BulkResult(schedule_id, act(schedule_id)))
        except CeleriacError as error:
            outcomes.append(BulkResult(schedule_id, problem=error.detail))
    return outcomes


def of_ids(ids: Sequence[int]) -> list[Schedule]:
    """The schedules of these ids that there are, by name."""
    return list(db.session.scalars(select(Schedule).where(Schedule.id.in_(ids)).order_by(Schedule.name)))


def run_many(ids: Sequence[int], by: str | None, now: datetime) -> list[BulkResult]:
    """`run_now` for each, by its own overlap policy. At most 500."""

    def act(schedule_id: int) -> str:
        name = get(schedule_id).name
        run_now(schedule_id, by, now)
        return name

    return each(ids, act)


def change_queue_many(
    ids: Sequence[int], queue: str | None, by: str | None, now: datetime
) -> list[BulkResult]:
    """Give each the queue; None: its task's own. At most 500."""
    return each(ids, lambda schedule_id: update(schedule_id, {"queue": queue}, by, now).name)


WITHIN = timedelta(minutes=5)  # pages offer it for seconds; nobody means to take back what is older
ACTIONS = ("enable", "disable", "delete", "skip", "restore", "update")


def undo(done_at: datetime, by: str | None, now: datetime) -> list[BulkResult]:
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
