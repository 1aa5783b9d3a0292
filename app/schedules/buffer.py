"""Buffered fires: runs that wait in the table until the earlier runs of their schedule have ended.

They come from the overlap policies `buffer_one` and `cancel_running`; the latter also ends the earlier runs.
A buffered run is in state SCHEDULED with an outbox and no `send_at`.
"""

import time
from datetime import datetime
from typing import Any

from sqlalchemy import and_, exists, select
from sqlalchemy.orm import aliased

from app import runs
from app.errors import Conflict
from app.extensions import db
from app.runs import Run, outbox, states
from app.schedules.firing import is_unfinished
from app.schedules.models import Schedule

BATCH = 200
CANCEL_AGAIN_SECONDS = 5.0  # a worker that was just reconnecting did not hear it


class Buffer:
    """Sends buffered runs in their time; one a beat, which remembers what it has cancelled."""

    def __init__(self) -> None:
        self._cancelled: dict[str, float] = {}  # run id → by the monotonic clock

    def tick(self, now: datetime) -> int:
        """Cancel what is in the way of `cancel_running`, send what waits no longer; returns how many."""
        self._cancel_earlier(now)
        return outbox.release(list(db.session.scalars(_ready())), now)

    def _cancel_earlier(self, now: datetime) -> None:
        again = time.monotonic() - CANCEL_AGAIN_SECONDS
        self._cancelled = {run_id: at for run_id, at in self._cancelled.items() if at > again}
        for run_id, name in db.session.execute(_in_the_way()).all():
            if run_id in self._cancelled:
                continue
            self._cancelled[run_id] = time.monotonic()
            try:
                runs.cancel(runs.get(run_id), terminate=True, by=f"schedule:{name}", now=now)
            except Conflict:  # it has just ended
                continue


def buffered(run: Any) -> Any:
    """The condition of a buffered run, of the model or an alias."""
    return and_(run.state == states.SCHEDULED, run.outbox.is_not(None), run.send_at.is_(None))


def _ready() -> Any:
    """The buffered runs whose schedule has no unfinished run that was sent, or does not mind."""
    other = aliased(Run)
    hindered = exists().where(other.schedule_id == Run.schedule_id, is_unfinished(other), ~buffered(other))
    return (
        select(Run.id)
        .outerjoin(Schedule, Schedule.id == Run.schedule_id)
        .where(buffered(Run), ~hindered | (Schedule.overlap == "allow"))
        .order_by(Run.created_at, Run.id)
        .limit(BATCH)
    )


def _in_the_way() -> Any:
    """Unfinished runs that a newer, buffered one of a `cancel_running` schedule is to take the place of."""
    newer = aliased(Run)
    return (
        select(Run.id, Schedule.name)
        .join(Schedule, Schedule.id == Run.schedule_id)
        .join(newer, newer.schedule_id == Run.schedule_id)
        .where(
            Schedule.overlap == "cancel_running",
            buffered(newer),
            is_unfinished(Run),
            newer.created_at > Run.created_at,
            newer.id != Run.id,
        )
        .distinct()
        .limit(BATCH)
    )
