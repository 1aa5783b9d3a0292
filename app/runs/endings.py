"""What is noted of runs in the transaction that ends them, once each: numbers, and kinds of failures."""

from collections.abc import Collection, Iterable, Mapping
from typing import Any

from sqlalchemy import select

from app.extensions import db
from app.runs import statistics
from app.runs.failures import recording
from app.runs.models import Run
from app.runs.statistics import totals

_READ = (
    "id",
    "created_at",
    "app",
    "task_name",
    "queue",
    "state",
    "attempt",
    "error",
    "sent_at",
    "eta_at",
    "started_at",
    "ended_at",
    "runtime_seconds",
)


def note(ended: Iterable[Mapping[str, Any]], moved: totals.Numbers | None = None) -> None:
    """Note runs that have just ended, inside the caller's transaction and at its end.

    Each has the columns of its row. `moved` is what runs that did not end add to the totals.
    """
    rows = list(ended)
    recording.note(rows)
    statistics.count(rows, moved)


def note_these(run_ids: Collection[str]) -> None:
    """The same for runs by their ids, whose rows the caller's transaction has brought to their end."""
    if not run_ids:
        return
    ended = select(*(getattr(Run, name) for name in _READ)).where(Run.id.in_(run_ids))
    note(dict(row) for row in db.session.execute(ended).mappings())
