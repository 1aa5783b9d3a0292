"""What a worker takes while it may not start some tasks: the first in line of the others.

A task over its rate limit holds up only itself. Its messages stay where they are, in their order, to be seen
and moved like any other; the worker looks past them, inside Redis. It need not look at the same ones again
and again: it remembers how far down each list there was nothing for it.
"""

import json
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

NEXT = Path(__file__).with_name("next.lua").read_text()
AGAIN_SECONDS = 0.05  # how soon a worker that found nothing it may start looks again
AFRESH_SECONDS = 1.0  # how soon it sees what was moved ahead of where it had scanned already
SCANNED_A_SECOND = 20_000  # messages; with very many it looks afresh less often

_limited: Callable[[], dict[str, float]] = dict


def by(limited: Callable[[], dict[str, float]]) -> None:
    """How this process's worker knows what it may not start: `limited()` maps tasks to seconds from now."""
    global _limited
    _limited = limited


def now() -> dict[str, float]:
    """The tasks that this worker may not start now, and in how many seconds it may."""
    return _limited()


def exhausted(consumer: Any) -> dict[str, float]:
    """The tasks that a worker may not start now by their rate limit, and in how many seconds it may."""
    limits = {}
    for name, bucket in consumer.task_buckets.items():
        if bucket is not None:
            seconds = bucket.expected_time(1 + len(bucket.contents))
            if seconds > 0:
                limits[name] = seconds
    return {} if consumer.disable_rate_limits else limits


@dataclass(frozen=True)
class Match:
    """What a look found: how many wait in all, and the list and bytes of the message to take (0: none)."""

    waiting: int
    index: int
    raw: bytes


class Scan:
    """Finds the next message for one channel."""

    def __init__(self) -> None:
        self._passed: frozenset[str] = frozenset()
        self._marks: dict[str, bytes] = {}
        self._afresh_at = 0.0

    def next(self, run: Callable[..., Any], lists: Sequence[str], tasks: Sequence[str]) -> Match:
        """Look through the lists, in order, past the messages of these tasks.

        `run(script, keys, *arguments)` runs a script in Redis.
        """
        names = frozenset(tasks)
        if time.monotonic() >= self._afresh_at or not self._marks:
            self._marks, self._passed = {}, names
        remembers = self._passed <= names  # what was passed then is passed now as well
        marks = [self._marks.get(name, b"") if remembers else b"" for name in lists]
        needles = [f'"task":{space}{json.dumps(name)}' for name in tasks for space in (" ", "")]
        waiting, index, raw, scanned, marks = run(NEXT, lists, len(needles), *needles, *marks)
        if remembers or not index:
            if not remembers or not self._marks:
                self._afresh_at = time.monotonic() + max(AFRESH_SECONDS, scanned / SCANNED_A_SECOND)
            self._passed = names
            self._marks = {name: mark for name, mark in zip(lists, marks, strict=True) if mark}
        return Match(waiting, index, raw)
