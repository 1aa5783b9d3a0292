"""Deletes one finished run from the history."""

from datetime import datetime

from flask_babel import gettext as _

from app import audit, broker
from app.broker import topics
from app.errors import Conflict
from app.extensions import transaction
from app.runs.history import delete_these
from app.runs.models import Run


def delete(run: Run, now: datetime) -> None:
    """Delete a run and write who did; raises `Conflict` (code "not-finished") for one that has not ended."""
    run_id, task_name, state = run.id, run.task_name, run.state
    if not delete_these([run_id]):
        raise Conflict(_("This run has not finished. Cancel it first."), code="not-finished")
    with transaction():
        audit.record("run.delete", now, "run", run_id, task_name, state=state)
    topics.touch(broker.client(), ["runs", f"run:{run_id}"])
