"""Deletes finished runs from the history, in steps that keep nobody waiting."""

from collections.abc import Sequence
from datetime import datetime

from app import audit, broker
from app.broker import topics
from app.extensions import transaction
from app.runs.history import delete_finished

BATCH = 1000


def clean_up(states: Sequence[str], before: datetime, now: datetime) -> int:
    """Delete every finished run in one of the states that was created before a time; returns how many.

    Raises ValueError for a state that is not an end.
    """
    deleted = 0
    while count := delete_finished(states, before, BATCH):
        deleted += count
    with transaction():
        audit.record(
            "run.delete", now, "run", states=list(states), before=before.isoformat(), deleted=deleted
        )
    if deleted:
        topics.touch(broker.client(), ["runs"])
    return deleted
