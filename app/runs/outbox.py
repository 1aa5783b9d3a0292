"""Sends messages after their row is committed, and sees to it that each one gets out exactly once."""

import logging
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from celery import Celery
from kombu.exceptions import OperationalError
from sqlalchemy import select, update

from app import broker
from app.broker.priority import to_broker
from app.config import settings
from app.extensions import db, transaction
from app.runs import states
from app.runs.models import Run

PATIENCE_SECONDS = 5.0
BATCH = 200

logger = logging.getLogger(__name__)


def payload(args: Sequence[Any], kwargs: dict[str, Any], expires_at: datetime | None) -> dict[str, Any]:
    """What a row keeps until its message is known to be out: the real arguments, secrets too."""
    return {"args": list(args), "kwargs": kwargs, "expires": expires_at.isoformat() if expires_at else None}


def send(celery_app: Celery, run: Run) -> bool:
    """Publish the message of a committed row; False when the broker does not answer (it is sent later).

    The recorder clears the row's outbox when it reads of the message in the stream.
    """
    assert run.outbox is not None  # noqa: S101 -- only rows with an outbox are sent
    options: dict[str, Any] = {"task_id": run.id, "expires": run.outbox["expires"], "root_id": run.root_id}
    if run.queue:
        options["queue"] = run.queue
    if run.priority is not None:
        options["priority"] = to_broker(run.priority)
    try:
        task = celery_app.tasks[run.task_name]
        task.apply_async(run.outbox["args"], run.outbox["kwargs"], retry=False, **options)
    except OperationalError as error:
        logger.warning("run %s is sent later, the broker does not answer: %s", run.id, error)
        return False
    return True


def sweep(celery_app: Celery, now: datetime) -> int:
    """Send what is due and not known to be out; returns how many messages were sent.

    Runs for later become due here. A row whose sender died between its commit and its message is found
    after five seconds; a message that is out already (waiting, held or taken) is not sent again.
    """
    sent = 0
    due = _due(now)
    out = _out([run for run in due if run.state != states.SCHEDULED])
    for run in due:
        if run.task_name not in celery_app.tasks:
            _fail(run, f"NotRegistered: this version knows no task named {run.task_name}", now)
        elif run.id in out:
            _settle(run.id, now)
        elif not _claim(run, now):
            continue
        elif send(celery_app, run):
            sent += 1
        else:
            break
    return sent


def next_due_at() -> datetime | None:
    """When the next message has to be sent, for a loop that waits until then."""
    return db.session.scalar(
        select(Run.send_at).where(Run.outbox.is_not(None)).order_by(Run.send_at).limit(1)
    )


def _due(now: datetime) -> Sequence[Run]:
    query = select(Run).where(Run.outbox.is_not(None), Run.send_at <= now).order_by(Run.send_at).limit(BATCH)
    return db.session.scalars(query).all()


def _out(due: Sequence[Run]) -> set[str]:
    """Which of the runs have a message in the broker."""
    queues = {run.queue for run in due if run.queue} | set(settings().declared_queues)
    return broker.out([run.id for run in due], sorted(queues)) if due else set()


def _claim(run: Run, now: datetime) -> bool:
    """Take a due row for this process: nobody else looks at it for the next five seconds."""
    patience = now + timedelta(seconds=PATIENCE_SECONDS)
    with transaction() as session:
        claimed = session.execute(
            update(Run)
            .where(Run.id == run.id, Run.send_at == run.send_at, Run.outbox.is_not(None))
            .values(send_at=patience, state=states.PENDING, updated_at=now)
            .returning(Run.id)
        ).first()
    return claimed is not None


def _settle(run_id: str, now: datetime) -> None:
    with transaction() as session:
        session.execute(update(Run).where(Run.id == run_id).values(outbox=None, sent_at=now))


def _fail(run: Run, error: str, now: datetime) -> None:
    with transaction() as session:
        session.execute(
            update(Run)
            .where(Run.id == run.id)
            .values(outbox=None, state=states.FAILURE, error=error, ended_at=now, updated_at=now)
        )
