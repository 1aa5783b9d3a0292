"""Queues that a worker listens to and does not consume, because they are paused.

For RabbitMQ, which decides by itself whom it gives a message: who does not consume gets none.
"""

from collections.abc import Callable
from typing import Any


class Aside:
    """Those of one worker; to be used by its loop alone."""

    def __init__(self, consumer: Any) -> None:
        self._consumer = consumer
        self._queues: dict[str, Any] = {}
        self._wanted: Callable[[str], bool] | None = None  # as it was asked for last
        self._obeying = False
        consumer.celeriac_aside = self._queues  # it listens to them, too

    def clear(self) -> None:
        """A new connection consumes all that the worker listens to."""
        self._queues.clear()

    def obey(self, is_paused: Callable[[str], bool]) -> None:
        """Consume no longer from the queues that are paused, and from the others again.

        While RabbitMQ is waited for here, the same may be asked for within: it is then done once more.
        """
        self._wanted = is_paused
        if self._obeying:
            return
        self._obeying = True
        try:
            while (wanted := self._wanted) is not None:
                self._wanted = None
                self._set(wanted)
        finally:
            self._obeying = False

    def _set(self, is_paused: Callable[[str], bool]) -> None:
        tasks, known = self._consumer.task_consumer, self._consumer.app.amqp.queues
        if tasks is None:  # the worker is leaving
            return
        for queue in list(tasks.queues):
            if is_paused(queue.name):
                known.select_add(queue)  # Celery 5.3 has forgotten one that it was told to drop and to add
                self._queues[queue.name] = queue
                tasks.cancel_by_queue(queue.name)
        for name, queue in list(self._queues.items()):
            if is_paused(name):
                continue
            if name in known.consume_from:  # else told meanwhile to listen no longer
                tasks.add_queue(queue)  # waits for RabbitMQ: meanwhile a heartbeat tells what it listens to
            self._queues.pop(name, None)
            tasks.consume()
