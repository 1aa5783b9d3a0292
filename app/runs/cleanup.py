"""Deletes finished runs from the history, in steps that keep nobody waiting."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from app import audit, broker
from app.broker import topics
from app.extensions import db, transaction
from app.runs.history import delete_finished
from app.runs.models import Run

BATCH = 1000


def clean_up(states: Sequence[str], before: datetime, now: datetime) -> int:
    """Delete every finished run in one of the states that was created before a time; returns how many.

    Raises ValueError for a state that is not an end.
    """
    deleted = 0
    while count := delete_finished(states, before, BATCH):
        deleted += count
    note(deleted, now, states=list(states), before=before.isoformat())
    if deleted:
        topics.touch(broker.client(), ["runs"])
    return deleted


def note(deleted: int, now: datetime, run_id: str = "", **limits: Any) -> None:
    """Write into the audit log how many runs a clean-up deleted, and by which limits.

    `run_id` is the run that did it; whoever asked for that one is named.
    """
    run = db.session.get(Run, run_id) if run_id else None
    asked_by = (run.requested_by or "") if run else None
    with transaction():
        details = {"deleted": deleted} | limits
        name = run.task_name if run else ""
        audit.record("run.delete", now, "run", run_id, name, actor=asked_by, **details)
