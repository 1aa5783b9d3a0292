"""What the broker of the current app can do: all of it in Redis, a part of it in RabbitMQ.

RabbitMQ keeps a queue to itself: nobody can read it, move a message in it or take one out of its middle.
"""

from collections.abc import Callable
from functools import wraps
from typing import Any, NoReturn, ParamSpec, TypeVar, cast

from flask_babel import gettext as _

from app.config import settings
from app.errors import Conflict

P = ParamSpec("P")
R = TypeVar("R")


class NotSupported(Conflict):
    """RabbitMQ cannot do what was asked for."""

    def __init__(self, detail: str = "") -> None:
        words = _(
            "RabbitMQ keeps the order of its queues itself: nothing in them can be moved, held or read."
        )
        super().__init__(detail or words, "not-supported")


def is_rabbitmq() -> bool:
    """Whether the queues of the current app lie in RabbitMQ."""
    return settings().uses_rabbitmq


def supports_order() -> bool:
    """Whether waiting runs can be moved to another place of their line."""
    return not is_rabbitmq()


def supports_reading() -> bool:
    """Whether what waits can be read, not only counted."""
    return not is_rabbitmq()


def supports_hold() -> bool:
    """Whether runs can be held, one by one or everything new."""
    return not is_rabbitmq()


def supports_undo_purge() -> bool:
    """Whether a purge can be taken back."""
    return not is_rabbitmq()


def on_rabbitmq(answer: Callable[..., Any]) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Let a function that knows Redis answer otherwise where the queues lie in RabbitMQ."""

    def decorate(function: Callable[P, R]) -> Callable[P, R]:
        @wraps(function)
        def wrapper(*args: P.args, **kwargs: P.kwargs) -> R:
            return cast(R, answer(*args, **kwargs)) if is_rabbitmq() else function(*args, **kwargs)

        return wrapper

    return decorate


def unseen(empty: Callable[[], Any]) -> Callable[..., Any]:
    """The answer of RabbitMQ to who wants to look into a queue: an empty one."""
    return lambda *_args, **_kwargs: empty()


def refuse(*_args: Any, **_kwargs: Any) -> NoReturn:
    """The answer of RabbitMQ to who wants to change the order of a queue."""
    raise NotSupported
