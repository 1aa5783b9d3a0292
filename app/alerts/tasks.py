"""The task that delivers a message, so that a worker does it and not the recorder."""

from typing import Annotated, Any

from celery import shared_task
from pydantic import Field

from app.celery.task import CeleriacTask
from app.clock import utcnow


@shared_task(
    name="alerts.deliver",
    bind=True,
    acks_late=False,
    max_retries=None,
    soft_time_limit=100,
    time_limit=110,
)
def deliver(
    self: CeleriacTask,
    message_id: Annotated[int, Field(ge=1, description="The message, by its number in the list of messages")],
) -> dict[str, Any]:
    """Deliver a message of an alert.

    Celeriac runs this by itself. While the mail server or the webhook cannot take the message, the run tries
    again, ever more seldom, for 12 hours. A message that was sent is not sent again.
    """
    from app.alerts import delivery
    from app.alerts.models import FAILED, WAITING

    message = delivery.deliver(message_id, utcnow(), handed=True)
    if message is None:
        return {"sent": False, "why": "it was sent, is being sent, or is not there any more"}
    if message.state == WAITING:
        reason = RuntimeError(message.error)
        raise self.retry(exc=reason, countdown=delivery.seconds_until(message, utcnow()))
    if message.state == FAILED:
        raise RuntimeError(message.error)
    return {"sent": True, "channel": message.channel_name, "attempts": message.attempts}
