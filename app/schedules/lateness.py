"""How schedules stand: late, when a fire was due and has not started; failing, when the last run failed."""

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import bindparam, func, select, union

from app.extensions import db
from app.runs import Run, states
from app.schedules.firing import is_unfinished
from app.schedules.models import Schedule
from app.schedules.policies import RESTART_SECONDS

LATE_AFTER = timedelta(seconds=RESTART_SECONDS)  # before that it is beat or a worker that takes its time
# Fires that did not run say nothing about whether the task works.
_CONCLUSIVE = (states.SUCCESS, *states.BAD)


def late_ids(now: datetime) -> Any:
    """The ids of late schedules, as a select: fires that beat has not taken, and runs that wait."""
    limit = now - LATE_AFTER
    not_fired = select(Schedule.id).where(Schedule.enabled, Schedule.next_run_at < limit)
    waiting = select(Run.schedule_id).where(
        Run.schedule_id.is_not(None),
        is_unfinished(Run),
        Run.state.in_(states.NOT_STARTED),
        Run.due_at < limit,
    )
    return union(not_fired, waiting)


def is_late(now: datetime) -> Any:
    """The condition that a schedule is late."""
    return Schedule.id.in_(late_ids(now))


def is_failing() -> Any:
    """The condition that the last run that tells failed, or that beat or the signature says it cannot run."""
    literal: Any = bindparam(None, _CONCLUSIVE, expanding=True, literal_execute=True)
    last = (
        select(Run.state)
        .where(Run.schedule_id == Schedule.id, Run.schedule_id.is_not(None), Run.state.in_(literal))
        .order_by(Run.created_at.desc(), Run.id.desc())
        .limit(1)
        .correlate(Schedule)
        .scalar_subquery()
    )
    return Schedule.last_error.is_not(None) | Schedule.drift.is_not(None) | last.in_(states.BAD)


def late_count(now: datetime) -> int:
    """How many schedules are late; cheap enough for every page."""
    query = select(func.count()).select_from(Schedule).where(is_late(now))
    return int(db.session.scalar(query) or 0)


def unfired_count(now: datetime) -> int:
    """How many schedules beat itself is late with: due for a minute, and not fired."""
    query = select(func.count()).select_from(Schedule)
    return int(db.session.scalar(query.where(Schedule.enabled, Schedule.next_run_at < now - LATE_AFTER)) or 0)


def waiting_fires(schedule_ids: list[int], now: datetime) -> dict[int, Run]:
    """The oldest fire of each schedule that is late because its run has not started; most have none."""
    query = (
        select(Run)
        .where(Run.schedule_id.in_(schedule_ids), is_unfinished(Run), Run.state.in_(states.NOT_STARTED))
        .where(Run.due_at < now - LATE_AFTER)
        .order_by(Run.due_at.desc())
    )
    return {run.schedule_id: run for run in db.session.scalars(query) if run.schedule_id is not None}


def waiting_since(schedule_ids: list[int], now: datetime) -> dict[int, datetime]:
    """When the oldest fire that is late because its run has not started was due, of those that have one."""
    query = (
        select(Run.schedule_id, func.min(Run.due_at))
        .where(Run.schedule_id.in_(schedule_ids), is_unfinished(Run), Run.state.in_(states.NOT_STARTED))
        .where(Run.due_at < now - LATE_AFTER)
        .group_by(Run.schedule_id)
    )
    rows = db.session.execute(query)
    return {
        schedule_id: due_at for schedule_id, due_at in rows if schedule_id is not None and due_at is not None
    }
