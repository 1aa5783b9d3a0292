"""What is different where the queues lie in Redis; `broker.transport` sees to the rest."""

from typing import Any

from celery import Celery

from app.broker.priority import PRIORITY_STEPS

# A message that a worker took is given back only after this long. Late acknowledgement keeps a message
# unacknowledged while its task runs, so a shorter time would start long tasks twice.
VISIBILITY_TIMEOUT_SECONDS = 7 * 86400
CONFIGURATION: dict[str, Any] = {
    "broker_transport_options": {
        "priority_steps": PRIORITY_STEPS,  # the default merges ten levels into four
        "visibility_timeout": VISIBILITY_TIMEOUT_SECONDS,
        "socket_connect_timeout": 5,
        "socket_keepalive": True,
    },
}
QUEUE_ARGUMENTS: dict[str, Any] | None = None


def install(app: Celery) -> None:
    """Workers need nothing more."""
