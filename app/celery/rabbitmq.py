"""What is different where the queues lie in RabbitMQ: a worker obeys pauses, and claims what it runs.

On Redis the transport sees to both inside Redis. Here the worker reads the pauses about once a second, and
stops consuming the queues that are paused, or all of them while it is paused itself.
"""

import logging
from typing import Any

import redis
from celery import Celery, bootsteps
from celery.concurrency import solo
from celery.worker.request import Request as CeleryRequest
from celery.worker.state import task_ready
from flask import Flask
from kombu.utils.imports import symbol_by_name

from app.broker.connection import client, keys
from app.broker.priority import HIGHEST
from app.broker.rabbitmq import dedup
from app.celery import remote
from celeriac_agent import pauses
from celeriac_agent.aside import Aside

PAUSE_CHECK_SECONDS = 1.0
# RabbitMQ gives back what a worker had that has been silent for so long; that of a killed one at once.
HEARTBEAT_SECONDS = 15
CONFIGURATION: dict[str, Any] = {
    "task_queue_max_priority": HIGHEST,
    "broker_heartbeat": HEARTBEAT_SECONDS,
    "broker_transport_options": {
        "confirm_publish": True,  # a message counts as sent when RabbitMQ says that it has it
        "max_retries": 1,  # what cannot be sent at once is sent later, out of the outbox
    },
}
# How it is to declare the queues that the settings name; Celery declares those made on the fly alike.
QUEUE_ARGUMENTS: dict[str, Any] | None = {"x-max-priority": HIGHEST}

logger = logging.getLogger(__name__)


def install(app: Celery) -> None:
    """Let every worker of the app do so."""
    app.steps["consumer"].add(Pauses)


class Request(CeleryRequest):  # type: ignore[misc]  # Celery ships no types
    """A message that a worker has; it runs only if its copy counts."""

    _already_revoked: bool
    _claimed = False

    def revoked(self) -> bool:
        """Whether it must not run. What is no longer wanted, or wanted as another copy, ends without a word:
        that comes first, because Celery tells of what is revoked or has expired.
        """
        if self._already_revoked:
            return True
        self._claimed = self._claimed or self._claim()
        if self._claimed:
            return bool(super().revoked())
        logger.info("run %s was cancelled or is wanted as another copy", self.id)
        task_ready(self)
        self.acknowledge()
        self._already_revoked = True
        return True

    def _claim(self) -> bool:
        """While Redis is away everything runs: what waits must not be lost for that."""
        redelivered = bool((self.delivery_info or {}).get("redelivered"))
        try:
            return dedup.claim(self.request_dict, redelivered, self.hostname, self.app.Task.flask_app)
        except redis.RedisError as error:
            logger.warning("run %s starts unclaimed, Redis does not answer: %s", self.id, error)
            return True


class Pauses(bootsteps.StartStopStep):  # type: ignore[misc]  # Celery ships no types
    """Sets paused queues aside, before anything is consumed and then on a timer of the worker's loop."""

    requires = ("celery.worker.consumer.tasks:Tasks",)

    def __init__(self, consumer: Any, **options: Any) -> None:
        super().__init__(consumer, **options)
        self._flask: Flask = consumer.app.Task.flask_app
        self._aside = Aside(consumer)
        self._worker_paused = False
        self._timer: Any = None
        for task in consumer.app.tasks.values():
            own = symbol_by_name(task.Request)
            if not issubclass(own, Request):  # a task may have a class of its own for its messages
                task.Request = Request if own is CeleryRequest else type(own.__name__, (Request, own), {})
        if isinstance(consumer.pool, solo.TaskPool):
            consumer.amqheartbeat = 0  # its loop stands still while a task runs: it would be taken for dead
        remote.obey_pauses_with(lambda: self._obey(consumer))

    def start(self, consumer: Any) -> None:
        self._aside.clear()  # a new connection consumes all that the worker listens to
        self._obey(consumer)
        self._timer = consumer.timer.call_repeatedly(
            PAUSE_CHECK_SECONDS, consumer.call_soon, (self._obey, consumer)
        )

    def stop(self, consumer: Any) -> None:
        if self._timer is not None:
            self._timer.cancel()

    def _obey(self, consumer: Any) -> bool:
        """Consume what may be consumed as the pauses are now; whether the worker itself is paused.

        While Redis is away they stay as they were read last.
        """
        try:
            queues, worker = pauses.read(client(self._flask), keys(self._flask), consumer.hostname)
        except redis.RedisError as error:
            logger.warning("pauses are not read, Redis does not answer: %s", error)
            return self._worker_paused
        self._worker_paused = worker
        self._aside.obey(lambda queue: worker or queue in queues)
        return self._worker_paused  # it may have been told of another pause meanwhile
