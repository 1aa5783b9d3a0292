"""What a worker has taken and not acknowledged: kombu's account of it, which outlives an outage of Redis.

Kombu gives everything back when a connection is lost, also what the worker goes on running, and ends the
worker where Redis does not answer. Here a run that goes on is acknowledged when it is done, over whatever
connection there is then; and what Redis could not be told is told as soon as it answers again.
"""

# mypy: allow-untyped-calls
# (kombu's own methods have no types)

import logging
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from celery.worker import state as worker_state
from kombu.transport import redis as kombu_redis
from kombu.transport import virtual

logger = logging.getLogger(__name__)
_acknowledged: set[str] = set()  # delivery tags that Redis could not be told of
_requeued: set[str] = set()


class QoS(kombu_redis.QoS):
    """One a channel; what could not be told belongs to the process.

    Whoever got a message without consuming hears of an outage as from kombu, and may try again: no later
    consumer settles for them.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._got: set[str] = set()
        self.has_free_slot: Callable[[], bool] | None = None  # whether the worker can start what it takes

    def can_consume(self) -> bool:
        """Whether to take a message: what cannot be started at once stays in the line, and can be moved."""
        if self.has_free_slot is not None and not self.has_free_slot():
            return False
        return bool(super().can_consume())

    def append(self, message: Any, delivery_tag: str) -> None:
        """Note what was got; what is consumed is noted by the channel."""
        super().append(message, delivery_tag)
        self._got.add(delivery_tag)

    def ack(self, delivery_tag: str) -> None:
        """Acknowledge, now or when Redis is back."""
        try:
            super().ack(delivery_tag)
        except self.channel.connection_errors as error:
            self._owe(_acknowledged, delivery_tag, error)
        self._got.discard(delivery_tag)

    def reject(self, delivery_tag: str, requeue: bool = False) -> None:
        """Give back or throw away, now or when Redis is back."""
        try:
            super().reject(delivery_tag, requeue)
        except self.channel.connection_errors as error:
            self._owe(_requeued if requeue else _acknowledged, delivery_tag, error)
        self._got.discard(delivery_tag)

    def restore_unacked_once(self, stderr: Any = None) -> None:
        """When a worker ends, everything goes back; when its connection does, all but what it is running."""
        if worker_state.should_stop is not None or worker_state.should_terminate is not None:
            super().restore_unacked_once(stderr)
            return
        self._on_collect.cancel()
        self._flush()
        running = {request.id for request in tuple(worker_state.active_requests)}
        left = [tag for tag, message in self._delivered.items() if message.headers.get("id") not in running]
        self._delivered.clear()
        _requeued.update(left)
        with suppress(*self.channel.connection_errors):  # it is told on the next connection
            self.settle()

    def settle(self) -> None:
        """Tell Redis what it could not be told before; raises what its client raises where it is away."""
        if not (_acknowledged or _requeued):
            return
        with self.channel.conn_or_acquire() as client:
            for tag in tuple(_acknowledged):
                self._remove_from_indices(tag).execute()
                _acknowledged.discard(tag)
            for tag in tuple(_requeued):
                self.restore_by_tag(tag, client, leftmost=True)
                _requeued.discard(tag)

    def _owe(self, tags: set[str], delivery_tag: str, error: Exception) -> None:
        if delivery_tag in self._got:
            raise error
        logger.warning("Redis is told later that a message is done with: %s", error)
        tags.add(delivery_tag)
        virtual.QoS.ack(self, delivery_tag)
