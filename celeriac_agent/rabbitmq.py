"""A worker of another app that obeys, on RabbitMQ: it takes one message a free slot."""

import logging
from typing import Any

from celery import Celery, bootsteps

from celeriac_agent import presence
from celeriac_agent.presence import SLOTS
from celeriac_agent.slots import take_one_a_slot

logger = logging.getLogger(__name__)


def install(app: Celery) -> None:
    """Let the worker that this process is about to be obey. Call it before its consumer is made."""
    logger.warning(
        "CELERIAC_AGENT_MANAGE: on RabbitMQ a worker takes one message a free slot; "
        "it obeys no pauses and holds of queues"
    )
    app.steps["consumer"].add(TakingOne)


class TakingOne(bootsteps.StartStopStep):  # type: ignore[misc]  # Celery ships no types
    """Has the worker take one message a free slot, as far as its broker's own limit goes."""

    requires = ("celery.worker.consumer.tasks:Tasks",)

    def __init__(self, consumer: Any, **options: Any) -> None:
        super().__init__(consumer, **options)
        take_one_a_slot(consumer)
        presence.tell_too({"obeys": [SLOTS]})
