"""The one place that maps our priorities (9 is the most urgent) to the broker's numbers.

Redis counts steps, 0 first; RabbitMQ counts as we do. A process talks to one broker only. Code, Celery's
options and what a worker hands to a task count as we do: only what lies in Redis is turned (see `transport`).
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

HIGHEST = 9
DEFAULT_PRIORITY = 5
PRIORITY_STEPS = list(range(HIGHEST + 1))

_reversed = True
_on_redis: ContextVar[bool] = ContextVar("on_redis", default=False)


def number_for(rabbitmq: bool) -> None:
    """Say which broker this process talks to; the last call counts."""
    global _reversed
    _reversed = not rabbitmq


@contextmanager
def of_redis() -> Iterator[None]:
    """Count as Redis does, whichever broker is our own."""
    token = _on_redis.set(True)
    try:
        yield
    finally:
        _on_redis.reset(token)


def nearest(priority: Any) -> int:
    """A priority as code gives it, brought into 0 to 9; raises ValueError for what is no number."""
    try:
        return min(max(int(priority), 0), HIGHEST)
    except (TypeError, ValueError):
        raise ValueError(
            f"priority is a number from 0 to {HIGHEST}, 9 goes first; not {priority!r}"
        ) from None


def to_broker(priority: int) -> int:
    """The broker's number of a priority; raises ValueError outside 0 to 9."""
    if not 0 <= priority <= HIGHEST:
        raise ValueError(f"priority must be 0 to {HIGHEST}, not {priority}")
    return HIGHEST - priority if _reversed or _on_redis.get() else priority


def from_broker(number: int) -> int:
    """The priority of a broker's number; what lies outside 0 to 9 counts as the nearest."""
    known = nearest(number)
    return HIGHEST - known if _reversed or _on_redis.get() else known
