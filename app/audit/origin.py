"""Who acts right now, and by which way: the part of an audit entry that the change itself does not know."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import cast

from flask import Flask, current_app

PAGE, API, CLI, SYSTEM = "page", "api", "cli", "system"
VIAS = (PAGE, API, CLI, SYSTEM)


@dataclass(frozen=True)
class Origin:
    """The user's `name` ("" when nobody is signed in), `via` one of `VIAS`, the remote `address` if any.

    `role` is the user's ("" when nobody is signed in); None for the system and the command line.
    """

    name: str
    via: str
    address: str | None = None
    role: str | None = None


_explicit: ContextVar[Origin | None] = ContextVar("celeriac_origin", default=None)


@contextmanager
def acting(origin: Origin) -> Iterator[None]:
    """Everything in the block is done by `origin`: for commands, which have no request."""
    token = _explicit.set(origin)
    try:
        yield
    finally:
        _explicit.reset(token)


def answer_with(app: Flask, request_origin: Callable[[], Origin | None]) -> None:
    """Ask `request_origin` who acts in a request of this app; None means that there is no request."""
    app.extensions["celeriac_origin"] = request_origin


def current() -> Origin:
    """Who acts: as said by `acting`, else by the request, else the system itself (beat, recorder, worker)."""
    if explicit := _explicit.get():
        return explicit
    ask = cast("Callable[[], Origin | None] | None", current_app.extensions.get("celeriac_origin"))
    return (ask() if ask else None) or Origin("", SYSTEM)
