"""A worker of another app that obeys, on RabbitMQ: pauses of its queues and its own, one message a free slot.

RabbitMQ keeps nothing but messages: what is paused lies in Celeriac's Redis, and is read there whenever the
worker says that it lives. While that is away the worker obeys what was said last.
"""

import logging
from typing import Any

import redis
from celery import Celery, bootsteps

from celeriac_agent import presence
from celeriac_agent.aside import Aside
from celeriac_agent.presence import PAUSE, SLOTS
from celeriac_agent.slots import take_one_a_slot

logger = logging.getLogger(__name__)


def install(app: Celery) -> None:
    """Let the worker that this process is about to be obey. Call it before its consumer is made."""
    app.steps["consumer"].add(Obeying)


class Obeying(bootsteps.StartStopStep):  # type: ignore[misc]  # Celery ships no types
    """Has the worker take by the rules, as far as its broker's own limit goes."""

    requires = ("celery.worker.consumer.tasks:Tasks",)

    def __init__(self, consumer: Any, **options: Any) -> None:
        super().__init__(consumer, **options)
        self._aside = Aside(consumer)
        self._known: tuple[frozenset[str], bool] | None = None
        take_one_a_slot(consumer)
        presence.tell_too({"obeys": [PAUSE, SLOTS]})

    def start(self, consumer: Any) -> None:
        """Called whenever the worker has reached its broker, before it takes anything."""
        self._aside.clear()
        if self._known is None:
            try:
                self._known = presence.read_pauses(consumer.hostname)
            except redis.RedisError:
                logger.warning("CELERIAC_AGENT_MANAGE: it is not known what is paused, Redis does not answer")
                self._known = frozenset(), False
        self._obey(*self._known)
        presence.obey_pauses_with(lambda *known: consumer.call_soon(self._obey, *known))

    def _obey(self, queues: frozenset[str], worker: bool) -> None:
        self._known = queues, worker
        self._aside.obey(lambda queue: worker or queue in queues)
