"""Celeriac's own remote-control commands: a worker answers with what it is now; nothing is assumed."""

import os
from collections.abc import Callable
from typing import Any

from celery.worker import state as worker_state
from celery.worker.control import add_consumer as celerys_add_consumer
from celery.worker.control import control_command

from app import queue_names
from celeriac_agent import transport

STATUS = "celeriac_tell"
STOP = "celeriac_stop"
LIMIT = "celeriac_limit"

_status: Callable[[], dict[str, Any]]
_obey_limits: Callable[[], None]
_obey_pauses: Callable[[], bool] = transport.obey_now


def answer_with(status: Callable[[], dict[str, Any]], obey_limits: Callable[[], None]) -> None:
    """How this worker answers: `status()` returns its entry, as it is written for the pages."""
    global _status, _obey_limits
    _status, _obey_limits = status, obey_limits


def obey_pauses_with(obey: Callable[[], bool]) -> None:
    """How this worker obeys the pauses as they are now; `obey()` returns whether it is paused itself."""
    global _obey_pauses
    _obey_pauses = obey


@control_command(name=STATUS)  # type: ignore[untyped-decorator]  # Celery ships no types
def status(state: Any) -> dict[str, Any]:
    """Obey the pauses as they are now, and say what the worker is and does."""
    paused = _obey_pauses()
    return {"ok": _status() | {"paused": paused}}


@control_command(name=STOP)  # type: ignore[untyped-decorator]  # Celery ships no types
def stop(state: Any) -> dict[str, Any]:
    """Finish what runs, take nothing more, then leave; unlike Celery's `shutdown` it answers first."""
    worker_state.should_stop = os.EX_OK
    return {"ok": _status()}


@control_command(  # type: ignore[untyped-decorator]  # Celery ships no types
    name="add_consumer",
    args=[("queue", str), ("exchange", str), ("exchange_type", str), ("routing_key", str)],
    signature="<queue> [exchange [type [routing_key]]]",
)
def add_consumer(state: Any, queue: str, *args: Any, **options: Any) -> dict[str, Any]:
    """Celery's own, whoever calls it, but for what can be no queue: that would end the worker."""
    if wrong := queue_names.problem(queue, in_use=True):
        return {"error": wrong}
    answer: dict[str, Any] = celerys_add_consumer(state, queue, *args, **options)
    return answer


@control_command(name=LIMIT)  # type: ignore[untyped-decorator]  # Celery ships no types
def limit(state: Any) -> dict[str, Any]:
    """Obey the limits of tasks as they are now."""
    _obey_limits()
    return {"ok": ""}
