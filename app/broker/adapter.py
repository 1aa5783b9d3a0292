"""The queues of the current app, wherever they lie: each question goes to the adapter of its broker.

`redis.queues` and `rabbitmq.queues` have the same functions; those of Redis say what each of them does. Which
of the two answers is chosen once an app, when it is first asked.
"""

from collections.abc import Callable, Sequence
from functools import wraps
from importlib import import_module
from typing import Any, ParamSpec, TypeVar, cast

from flask import Flask, current_app

from app.broker.answers import Capabilities
from app.broker.connection import is_elsewhere
from app.broker.redis import changes, holding, location, purges, queues, waiting
from app.broker.redis import holding_new as modes
from app.broker.redis import newcomers as past

P = ParamSpec("P")
R = TypeVar("R")


def _adapter(app: Flask | None = None) -> Any:
    if app is None and is_elsewhere():
        return queues  # another app's Redis
    flask_app = app or current_app
    chosen = flask_app.extensions.get("queues")
    if chosen is None:
        name = "rabbitmq" if flask_app.config["SETTINGS"].uses_rabbitmq else "redis"
        chosen = flask_app.extensions.setdefault("queues", import_module(f"app.broker.{name}.queues"))
    return chosen


def capabilities(app: Flask | None = None) -> Capabilities:
    """What the broker of the given or the current app can do."""
    return cast(Capabilities, _adapter(app).CAPABILITIES)


def patience() -> dict[str, Any]:
    """How long a sender tries: options of kombu's for publishing."""
    return cast(dict[str, Any], _adapter().PATIENCE)


def _of_adapter(function: Callable[P, R]) -> Callable[P, R]:
    """The function of that name in the app's adapter."""

    @wraps(function)
    def ask(*args: P.args, **kwargs: P.kwargs) -> R:
        return cast(R, getattr(_adapter(), function.__name__)(*args, **kwargs))

    return ask


# What waits
depths = _of_adapter(waiting.depths)
page = _of_adapter(waiting.page)
find = _of_adapter(waiting.find)
oldest_sent_at = _of_adapter(waiting.oldest_sent_at)
newcomers = _of_adapter(past.newcomers)

# Where it is
locate = _of_adapter(location.locate)
unacked = _of_adapter(location.unacked)
out = _of_adapter(location.out)
known_queues = _of_adapter(location.known_queues)
is_declared = _of_adapter(location.is_declared)
ping = _of_adapter(queues.ping)
version = _of_adapter(queues.version)

# Changes
move = _of_adapter(changes.move)
reprioritise = _of_adapter(changes.reprioritise)
send_to = _of_adapter(changes.send_to)
remove = _of_adapter(changes.remove)
purge = _of_adapter(purges.purge)
purged = _of_adapter(purges.purged)
restore = _of_adapter(purges.restore)

# Held runs
hold = _of_adapter(changes.hold)
held = _of_adapter(holding.held)
held_count = _of_adapter(holding.held_count)
held_ids = _of_adapter(holding.held_ids)
find_held = _of_adapter(holding.find_held)
release = _of_adapter(holding.release)
release_all = _of_adapter(holding.release_all)
hold_new = _of_adapter(modes.hold_new)
holding_new = _of_adapter(modes.holding_new)
stop_holding_new = _of_adapter(modes.stop_holding_new)
sweep = _of_adapter(modes.sweep)


def depth(queue: str) -> int:
    """How many messages wait in the queue."""
    return depths([queue])[queue].waiting


def by_priority(queue: str) -> dict[int, int]:
    """How many wait with each priority, most urgent first; levels without any are left out."""
    return depths([queue])[queue].by_priority


def position(queue: str, run_id: str, hint: int | None = None) -> int | None:
    """The run's place in the line (1 = next), or None when it does not wait there."""
    message = find(queue, run_id, hint)
    return message.position if message else None


def is_out(run_id: str, among: Sequence[str]) -> bool:
    """Whether the run has a message in the broker; see `out`."""
    return run_id in out([run_id], among)
