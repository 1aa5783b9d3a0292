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
from app.broker.redis import changes, holding, location, purging, queues, waiting
from app.broker.redis import holding_new as modes
from app.broker.redis import newcomers as past

P = ParamSpec("P")
R = TypeVar("R")


def _adapter(app: Flask | None = None) -> Any:
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


def _asked(function: Callable[P, R]) -> Callable[P, R]:
    """The function of that name in the app's adapter."""

    @wraps(function)
    def ask(*args: P.args, **kwargs: P.kwargs) -> R:
        return cast(R, getattr(_adapter(), function.__name__)(*args, **kwargs))

    return ask


# What waits
depths = _asked(waiting.depths)
page = _asked(waiting.page)
find = _asked(waiting.find)
oldest_sent_at = _asked(waiting.oldest_sent_at)
newcomers = _asked(past.newcomers)

# Where it is
locate = _asked(location.locate)
unacked = _asked(location.unacked)
out = _asked(location.out)
known_queues = _asked(location.known_queues)
is_declared = _asked(location.is_declared)
ping = _asked(queues.ping)
version = _asked(queues.version)

# Changes
move = _asked(changes.move)
reprioritise = _asked(changes.reprioritise)
send_to = _asked(changes.send_to)
remove = _asked(changes.remove)
purge = _asked(purging.purge)
purged = _asked(purging.purged)
restore = _asked(purging.restore)

# Held runs
hold = _asked(changes.hold)
held = _asked(holding.held)
held_count = _asked(holding.held_count)
held_ids = _asked(holding.held_ids)
find_held = _asked(holding.find_held)
release = _asked(holding.release)
release_all = _asked(holding.release_all)
hold_new = _asked(modes.hold_new)
holding_new = _asked(modes.holding_new)
stop_holding_new = _asked(modes.stop_holding_new)
sweep = _asked(modes.sweep)


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
