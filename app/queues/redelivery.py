"""Sends the message of a waiting run once more, where the one that waits can be neither changed nor moved."""

from flask_babel import gettext as _
from kombu.exceptions import OperationalError

from app import broker, catalog
from app.broker.priority import HIGHEST
from app.broker.rabbitmq import dedup
from app.errors import BrokerUnavailable, Invalid
from app.runs import outbox, states
from app.runs.models import Run


def resend(run: Run, queue: str | None = None, priority: int | None = None) -> broker.Message:
    """Send a run's message to another queue or with another priority; only the new copy runs.

    Returns what is known of it. Raises `BrokerUnavailable`, and `Conflict`: "already-taken", or
    "not-supported" where not all of the message is known, and `Invalid`.
    """
    if priority is not None and not 0 <= priority <= HIGHEST:
        raise Invalid({"priority": [_("A priority is a number from 0 to %(most)s.", most=HIGHEST)]})
    broker.require_own()
    if queue is not None and queue == run.queue and priority is None:
        raise Invalid({"queue": [_("Choose another queue.")]})
    if run.state in (states.RECEIVED, *states.RUNNING) or run.id in dedup.taken([run.id]):
        raise broker.AlreadyTaken(run.id)
    if reason := _unknown(run):
        raise broker.NotSupported(reason)
    message = _message(run)._replace(
        queue=queue or run.queue, priority=run.priority if priority is None else priority
    )
    if (message.queue, message.priority) == (run.queue, run.priority):
        return broker.unread(run.id, run.queue or "", message.priority or 0, run.task_name)
    copy = dedup.new_copy()
    try:
        outbox.publish(message, copy)
    except OperationalError as error:
        raise BrokerUnavailable(_("RabbitMQ does not answer: %(error)s", error=error)) from error
    dedup.replace(run.id, copy)
    return broker.unread(run.id, message.queue or "", message.priority or 0, run.task_name)


def _message(run: Run) -> outbox.Message:
    kept = run.outbox or outbox.payload(run.args or [], run.kwargs or {}, run.expires_at)
    return outbox.message(
        {
            "id": run.id,
            "task_name": run.task_name,
            "queue": run.queue,
            "priority": run.priority,
            "root_id": run.root_id,
            "outbox": kept,
            "app": run.app,
        }
    )


def _unknown(run: Run) -> str:
    """Why the message cannot be sent again as it was; empty when it can."""
    if run.state != states.PENDING or run.attempt:
        return _("Only a run that waits for its first attempt can be sent again; RabbitMQ moves no message.")
    if run.parent_id or run.group_id or (run.root_id and run.root_id != run.id):
        return _("It is part of a workflow: what follows it is only in its message, which nobody can read.")
    if isinstance(run.outbox, str):
        return _("Its message cannot be read, so it cannot be sent again.")
    if run.outbox:
        return ""
    if run.requested_by is None and run.schedule_id is None:
        return _("Another program sent it, so its message is not known well enough to be sent again.")
    if run.args is None or run.kwargs is None or run.masked or catalog.is_masked([run.args, run.kwargs]):
        return _("Its arguments are secret or too large to be kept, so it cannot be sent again.")
    return ""
