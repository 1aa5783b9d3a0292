"""Many schedules at once: run now, sent to another queue; what happened to each is said."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import select

from app.extensions import db
from app.schedules.edits import update
from app.schedules.manual_runs import run_now
from app.schedules.models import Schedule
from app.schedules.queries import get
from app.schedules.switching import Outcome, each


def of_ids(ids: Sequence[int]) -> list[Schedule]:
    """The schedules of these ids that there are, by name."""
    return list(db.session.scalars(select(Schedule).where(Schedule.id.in_(ids)).order_by(Schedule.name)))


def run_many(ids: Sequence[int], by: str | None, now: datetime) -> list[Outcome]:
    """`run_now` for each, by its own overlap policy. At most 500."""

    def act(schedule_id: int) -> str:
        name = get(schedule_id).name
        run_now(schedule_id, by, now)
        return name

    return each(ids, act)


def change_queue_many(ids: Sequence[int], queue: str | None, by: str | None, now: datetime) -> list[Outcome]:
    """Give each the queue; None: its task's own. At most 500."""
    return each(ids, lambda schedule_id: update(schedule_id, {"queue": queue}, by, now).name)
