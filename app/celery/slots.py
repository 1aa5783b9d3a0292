"""A worker takes one message for each free slot, so that everything that does not run can be moved.

Celery's `worker_disable_prefetch` counts what a worker has; the pool must then tell its loop when a slot is
free. Prefork and solo do. A pool of threads is made to, here; the others keep Celery's own limit, which lets
tasks that are acknowledged early be taken one round ahead. On RabbitMQ Celery has only that limit.
"""

import os
from concurrent.futures import Future
from typing import Any

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
        counts = self._wakes or pool_name in POOLS_THAT_COUNT
        consumer.app.conf.worker_disable_prefetch = exact and counts

    def listen(self, consumer: Any) -> None:
        """Let the consumer's loop go on as soon as a thread has finished."""
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


def _after_each(executor: Any, callback: Any) -> None:
    """Call `callback` after each piece of work that the executor has done."""
    submit = executor.submit

    def submitted(*args: Any, **kwargs: Any) -> "Future[Any]":
        future: Future[Any] = submit(*args, **kwargs)
        future.add_done_callback(callback)
        return future

    executor.submit = submitted
