"""What the main process of a worker tells of its runs, on the timers of its event loop."""

from collections.abc import Callable
from typing import Any

from celery import bootsteps

from celeriac_agent import recording

FLUSH_SECONDS = 0.1
# After these steps a worker without an event loop listens.
LISTENING = ("celery.worker.consumer.tasks:Tasks", "celery.worker.consumer.control:Control")


class Telling(bootsteps.StartStopStep):  # type: ignore[misc]  # Celery ships no types
    """Has the events written that the main process keeps for later, as long as there are any.

    An idle worker does not wake up for that.
    """

    requires = ("celery.worker.consumer.tasks:Tasks",)

    def __init__(self, consumer: Any, **options: Any) -> None:
        super().__init__(consumer, **options)
        self._timer: Any = None
        recording.tell_unreadable(consumer)
        if pool_name(consumer.pool) == "prefork":
            recording.tell_starts()

    def start(self, consumer: Any) -> None:
        """Called whenever the worker has reached its broker."""
        recording.flush_with(lambda: self._flush_soon(consumer))
        self._flush_soon(consumer)

    def stop(self, consumer: Any) -> None:
        """Called when the worker leaves, or looks for its broker."""
        if self._timer is not None:
            self._timer.cancel()
        self._timer = None
        recording.flush(ends=True)

    def shutdown(self, consumer: Any) -> None:
        """The pool has ended."""
        self.stop(consumer)

    def _flush_soon(self, consumer: Any) -> None:
        if self._timer is None:
            self._timer = consumer.timer.call_after(FLUSH_SECONDS, self._flush, (consumer,))

    def _flush(self, consumer: Any) -> None:
        self._timer = None
        if recording.flush():
            self._flush_soon(consumer)


def when_it_listens(consumer: Any, act: Callable[[], Any]) -> None:
    """Act when the event loop has asked the broker for messages and for what is sent to all workers.

    Called by a step that requires `LISTENING`. On Redis that is in its first turn only: before, remote
    control does not reach the worker.
    """
    hub = consumer.hub
    if hub is None:
        act()
        return

    def after_the_first_turn() -> None:
        hub.on_tick.discard(in_the_first_turn)
        act()

    def in_the_first_turn() -> None:
        hub.call_soon(after_the_first_turn)

    hub.on_tick.add(in_the_first_turn)


def pool_name(pool: Any) -> str:
    """As `--pool` calls it."""
    module: str = type(pool).__module__.rpartition(".")[2]
    return "threads" if module == "thread" else module
