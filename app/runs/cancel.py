"""Cancelling: a waiting run's message is removed, a taken one revoked, a running one stopped on request."""

from datetime import datetime

from flask_babel import gettext as _
from kombu.exceptions import OperationalError
from sqlalchemy import update
from sqlalchemy.orm.attributes import set_committed_value

from app import audit, broker
from app.broker import topics
from app.celery import elsewhere
from app.errors import BrokerUnavailable, Conflict, NotFound
from app.extensions import celery_app, transaction
from app.runs import apps, endings, states
from app.runs.models import Run
from celeriac_agent.stream import CANCELLED_PREFIX

FLAG_SECONDS = 7 * 86400  # as long as a taken message may wait in a worker for its next try

SIGNALS = (
    "SIGTERM",
    "SIGKILL",
    "SIGINT",
    "SIGQUIT",
    "SIGUSR1",
)  # the first is sent unless another is asked for

REMOVED = "removed"
REVOKED = "revoked"
TERMINATED = "terminated"


def cancel(
    run: Run, terminate: bool, by: str, now: datetime, audited: bool = True, signal: str = SIGNALS[0]
) -> str:
    """Cancel a run; returns what happened: "removed", "revoked" or "terminated".

    removed: no worker had it; it will not run. revoked: a worker has it; it will not start if it has not
    yet, and runs on if it has. terminated: its process gets
    `signal` (one of `SIGNALS`); the worker reports the end.
    Raises `Conflict` (code "finished") for a run that has ended, or ("another-app") of another app. Not
    `audited` is one of many runs, which have one entry together.
    """
    apps.require_reachable(run.app)
    if run.is_finished:
        raise Conflict(_("This run has already finished."), code="finished")
    client = broker.client()
    client.set(CANCELLED_PREFIX + run.id, by, ex=FLAG_SECONDS)
    if _unsent(run, now) or _removed(run):
        outcome = REMOVED
    else:
        running = run.state in states.RUNNING
        outcome = TERMINATED if terminate and running else REVOKED
        _revoke(run, terminate and running, signal)
    _record(run, outcome, by, now, audited)
    topics.touch(client, ["runs", f"run:{run.id}"])
    return outcome


def _revoke(run: Run, terminate: bool, signal: str) -> None:
    if run.app is None:
        celery_app.control.revoke(run.id, terminate=terminate, signal=signal)
        return
    try:
        elsewhere.revoke(run.app, apps.delivery(run.app), run.id, terminate, signal)
    except OperationalError as error:
        words = _("The broker of the app %(name)s does not answer: %(error)s", name=run.app, error=error)
        raise BrokerUnavailable(words) from error


def _unsent(run: Run, now: datetime) -> bool:
    """Take the message out of the outbox; False when it may have been sent already."""
    if run.state != states.SCHEDULED or run.outbox is None:
        return False
    with transaction() as session:
        taken = session.execute(
            update(Run)
            .where(Run.id == run.id, Run.state == states.SCHEDULED, Run.outbox.is_not(None))
            .values(outbox=None, updated_at=now)
            .returning(Run.id)
        ).first()
    return taken is not None


def _removed(run: Run) -> bool:
    """Take the message out of its queue; False when a worker has it, or it is in no queue."""
    if run.app is not None or run.queue is None or run.state not in (states.PENDING, states.HELD):
        return False
    try:
        broker.remove(run.queue, run.id)
    except (broker.AlreadyTaken, NotFound):
        return False
    return True


def _record(run: Run, outcome: str, by: str, now: datetime, audited: bool) -> None:
    """Write who cancelled; and the end, when no worker is going to report it."""
    run_id, task_name = run.id, run.task_name
    ends = outcome == REMOVED or run.state == states.RETRY
    with transaction() as session:
        if audited:
            audit.record("run.cancel", now, "run", run_id, task_name, outcome=outcome)
        if ends:
            reason = _("Cancelled by %(name)s.", name=by)
            ended = session.scalars(
                update(Run)
                .where(Run.id == run_id, Run.state.not_in(states.FINISHED))
                .values(state=states.REVOKED, outbox=None, error=reason, ended_at=now, updated_at=now)
                .returning(Run.id)
            ).all()
            endings.note_these(ended)
    if ends:
        set_committed_value(run, "state", states.REVOKED)
