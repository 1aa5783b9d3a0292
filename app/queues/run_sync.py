"""Keeps the rows of runs in step with what people do to their messages; inside the caller's transaction."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import case, select, update

from app.extensions import db
from app.runs import Run, endings, states

# A message can be back in the line though its run was received or started before: its worker gave it back.
_HOLDABLE = (states.PENDING, states.SCHEDULED, states.RECEIVED)
CHUNK = 500


def change(run_id: str, now: datetime, **values: Any) -> None:
    """Set columns of a run that has not finished; nothing for a run that nobody has recorded."""
    _update([run_id], Run.state.not_in(states.FINISHED), updated_at=now, **values)


def held(run_ids: Sequence[str], now: datetime) -> int:
    """The messages of these runs are held; returns how many rows did not say so."""
    return _update(
        run_ids, Run.state.in_(_HOLDABLE), state=states.HELD, received_at=None, worker=None, updated_at=now
    )


def waiting(run_ids: Sequence[str], now: datetime) -> int:
    """The messages of these held runs are in the line again; returns how many rows did not say so."""
    later = case((Run.eta_at > now, states.SCHEDULED), else_=states.PENDING)
    return _update(run_ids, Run.state == states.HELD, state=later, updated_at=now)


def removed(run_ids: Sequence[str], reason: str, now: datetime) -> None:
    """The messages of these runs, at most `CHUNK`, are gone: they will not run. No worker tells of it."""
    values = {"state": states.REVOKED, "error": reason, "ended_at": now, "outbox": None, "updated_at": now}
    gone = update(Run).where(Run.id.in_(run_ids), Run.state.not_in(states.FINISHED)).values(**values)
    ended = db.session.scalars(gone.returning(Run.id).execution_options(synchronize_session=False)).all()
    endings.note_these(ended)


def brought_back(run_ids: Sequence[str], since: datetime, now: datetime) -> None:
    """The messages of runs that were removed after `since` are in the line again."""
    values = {"state": states.PENDING, "error": None, "ended_at": None, "updated_at": now}
    _update(run_ids, (Run.state == states.REVOKED) & (Run.ended_at >= since), **values)


def waiting_in(queue: str, before: datetime) -> Sequence[str]:
    """The runs that wait in the queue by their rows, and were there before a moment."""
    query = select(Run.id).where(Run.queue == queue, Run.state == states.PENDING, Run.created_at < before)
    return db.session.scalars(query).all()


def held_rows(before: datetime) -> Sequence[str]:
    """Our own runs that are held by their rows, unchanged since before a moment, and surely sent."""
    sent = Run.outbox.is_(None)
    query = select(Run.id).where(Run.state == states.HELD, Run.updated_at < before, sent, Run.app.is_(None))
    return db.session.scalars(query).all()


def _update(run_ids: Sequence[str], condition: Any, **values: Any) -> int:
    changed = 0
    for start in range(0, len(run_ids), CHUNK):
        statement = update(Run).where(Run.id.in_(run_ids[start : start + CHUNK]), condition)
        statement = statement.values(**values).execution_options(synchronize_session=False)
        changed += db.session.connection().execute(statement).rowcount
    return changed
