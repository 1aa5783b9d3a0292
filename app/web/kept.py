"""An answer that is kept for a second, so that many who ask, probes or open pages, cost what one does."""

import threading
import time
from collections.abc import Callable
from typing import Any, Generic, TypeVar

from flask import Flask, current_app
from werkzeug.exceptions import ServiceUnavailable

KEPT_SECONDS = 1.0
STALE_SECONDS = 10.0
PATIENCE_SECONDS = 3.0
_EXTENSION = "celeriac_kept"
T = TypeVar("T")


class _Answer(Generic[T]):
    def __init__(self) -> None:
        self._asking = threading.Lock()
        self._value: T | None = None
        self._until = 0.0

    def get(self, ask: Callable[[], T]) -> T:
        """The answer, asked for at most once a second and by one request at a time.

        While one asks, the others take the last answer, or wait for it when that is long ago.
        """
        now = time.monotonic()
        if self._value is not None and now < self._until:
            return self._value
        recent = self._value if now < self._until + STALE_SECONDS else None
        if not self._asking.acquire(timeout=PATIENCE_SECONDS if recent is None else 0):
            if recent is None:
                raise ServiceUnavailable
            return recent
        try:
            if self._value is None or time.monotonic() >= self._until:
                self._value = ask()
                self._until = time.monotonic() + KEPT_SECONDS
            return self._value
        finally:
            self._asking.release()


def kept(name: str, ask: Callable[[], T]) -> T:
    """The answer of that name, which `ask` gives."""
    answers = current_app.extensions.setdefault(_EXTENSION, {})
    answer: _Answer[T] = answers.setdefault(name, _Answer())
    return answer.get(ask)


def forget(app: Flask, beginning: str = "") -> None:
    """Ask afresh next time for what has a name that begins so."""
    answers: dict[str, Any] = app.extensions.get(_EXTENSION, {})
    for name in [name for name in answers if name.startswith(beginning)]:
        answers.pop(name, None)
