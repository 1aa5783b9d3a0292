"""A worker takes one message for each free slot, so that everything that does not run can be moved.

On Redis it counts what it has, as Celery's `worker_disable_prefetch` does from 5.6 on; the pool must then
tell its loop when a slot is free. Prefork and solo do. A pool of threads is made to, here; the others keep
Celery's own limit, which lets tasks that are acknowledged early be taken one round ahead. RabbitMQ has only
that limit.
"""

import os
from concurrent.futures import Future
from typing import Any

from celery.worker import state as worker_state

POOLS_THAT_COUNT = ("prefork", "solo")


class Slots:
    """Sees to it for one worker; `listen` is called whenever its consumer starts."""

    def __init__(self, consumer: Any, pool_name: str, exact: bool = True) -> None:
        self._wakes = pool_name == "threads" and consumer.hub is not None
        if self._wakes:
            self._read_end, self._write_end = os.pipe()
            os.set_blocking(self._read_end, False)
            os.set_blocking(self._write_end, False)
            _after_each(consumer.pool.executor, self._wake)
        self.counts = exact and (self._wakes or pool_name in POOLS_THAT_COUNT)

    def listen(self, consumer: Any) -> None:
        """Count on the consumer's new connection; let its loop go on as soon as a thread has finished."""
        if self.counts:
            consumer.task_consumer.channel.qos.has_free_slot = lambda: _is_free(consumer)
        if self._wakes:
            consumer.hub.add_reader(self._read_end, self._clear)

    def _wake(self, _: "Future[Any]") -> None:
        try:
            os.write(self._write_end, b".")
        except BlockingIOError:  # so full that the loop wakes up anyway
            return

    def _clear(self) -> None:
        try:
            os.read(self._read_end, 4096)
        except BlockingIOError:
            return


def take_one_a_slot(consumer: Any) -> None:
    """Whatever the app says of `worker_prefetch_multiplier`: what is not taken can be moved."""
    multiplier = consumer.prefetch_multiplier
    known = consumer.initial_prefetch_count // multiplier if multiplier else consumer.pool.num_processes
    consumer.initial_prefetch_count, consumer.prefetch_multiplier = max(known, 1), 1


def _is_free(consumer: Any) -> bool:
    """Whether what the worker has leaves a slot; with autoscaling, of those that it may come to have."""
    slots = getattr(consumer.controller, "max_concurrency", None) or consumer.pool.num_processes
    return bool(len(worker_state.reserved_requests) < slots)


def _after_each(executor: Any, callback: Any) -> None:
    """Call `callback` after each piece of work that the executor has done."""
    submit = executor.submit

    def submitted(*args: Any, **kwargs: Any) -> "Future[Any]":
        future: Future[Any] = submit(*args, **kwargs)
        future.add_done_callback(callback)
        return future

    executor.submit = submitted
