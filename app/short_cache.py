"""Answers that are cached for a moment, so that many who ask, probes or open pages, cost what one does."""

import threading
import time
from collections.abc import Callable
from typing import Any, Generic, TypeVar

from flask import Flask, current_app
from werkzeug.exceptions import ServiceUnavailable

CACHED_SECONDS = 1.0
STALE_SECONDS = 10.0
PATIENCE_SECONDS = 3.0
_EXTENSION = "celeriac_cache"
T = TypeVar("T")


class _TakesLong(Exception):
    """Another asks, and there is no recent answer."""


class _Answer(Generic[T]):
    def __init__(self) -> None:
        self._asking = threading.Lock()
        self.value: T | None = None
        self._until = self._stale_until = 0.0

    def get(self, ask: Callable[[], T], span: Callable[[float], float]) -> T:
        """The answer, asked for by one request at a time; `span` says how long one is good that took so long.

        While one asks, the others take the last answer, or wait for it when that is long ago.
        """
        now = time.monotonic()
        if self.value is not None and now < self._until:
            return self.value
        recent = self.value if now < self._stale_until else None
        if not self._asking.acquire(timeout=PATIENCE_SECONDS if recent is None else 0):
            if recent is None:
                raise _TakesLong
            return recent
        try:
            started = time.monotonic()
            if self.value is None or started >= self._until:
                self.value = ask()
                ended = time.monotonic()
                good_for = span(ended - started)
                self._until = ended + good_for
                self._stale_until = self._until + max(good_for, STALE_SECONDS)
            return self.value
        finally:
            self._asking.release()


def cached(
    name: str,
    ask: Callable[[], T],
    seconds: float | None = None,
    slow_factor: float = 0.0,
    at_most: float = float("inf"),
    instead: T | None = None,
) -> T:
    """The answer of that name, which `ask` gives: one of the last second, or of so many.

    One that took long to get is good for `slow_factor` times as long, but not longer than `at_most`. Who
    waits for long while another asks gets `instead`; without that `ServiceUnavailable` is raised.
    """
    least = CACHED_SECONDS if seconds is None else seconds
    answer: _Answer[T] = _answers(current_app).setdefault(name, _Answer())
    try:
        return answer.get(ask, lambda took: min(max(least, slow_factor * took), at_most))
    except _TakesLong:
        if instead is None:
            raise ServiceUnavailable from None
        return instead


def last(name: str) -> Any | None:
    """What was answered last, however long ago; None where nobody has asked."""
    answer = _answers(current_app).get(name)
    return answer and answer.value


def forget(app: Flask, beginning: str = "") -> None:
    """Ask afresh next time for what has a name that begins so."""
    answers = _answers(app)
    for name in [name for name in answers if name.startswith(beginning)]:
        answers.pop(name, None)


def _answers(app: Flask) -> dict[str, _Answer[Any]]:
    answers: dict[str, _Answer[Any]] = app.extensions.setdefault(_EXTENSION, {})
    return answers
