"""What is told of runs, as JSON: each part of an event has a comma before it. Times are microseconds."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from functools import lru_cache
from typing import Any

from celeriac_agent.scrubbing import Scrubber, mask_urls
from celeriac_agent.stream import to_json

HEADER = "celeriac"  # a message that carries it was recorded when it was sent
REMEMBERED = 1000  # texts that many runs have in common
_NO_ARGUMENTS = ',"args":[],"kwargs":{}'
_NUMBERS = (int, str, float)  # in which a message says its priority, if it does
_SAID_IF_ANY = ("parent_id", "group", "eta", "expires")


def _as_it_is(_headers: dict[str, Any], _properties: dict[str, Any]) -> None:
    """What happens to a message that is only watched."""


@dataclass(frozen=True)
class Rules:
    """What the app whose runs are recorded wants.

    `priority(number)` is a message's priority as it counts here, 9 first. `prepare(headers, properties)` is
    called before a message is published. `mask(task_name, args, kwargs)` hides secrets before anything is
    told; None leaves that to who records. With `cancels` a run that was cancelled here is told as revoked
    when it starts.
    """

    result_max_bytes: int
    arguments_max_bytes: int
    priority: Callable[[Any], int | None]
    prepare: Callable[[dict[str, Any], dict[str, Any]], None] = _as_it_is
    mask: Callable[[str, Any, Any], tuple[Any, Any]] | None = None
    cancels: bool = False

    def unrecorded(self, headers: dict[str, Any]) -> str:
        """Arguments, queue and priority of a message that was not recorded when sent; else nothing."""
        if headers.get(HEADER) or "args" not in headers:
            return ""
        delivery = headers.get("delivery_info") or {}
        priority = delivery.get("priority")
        known = priority if isinstance(priority, _NUMBERS) else None
        place = _place(self.priority, delivery.get("routing_key"), known)
        return place + self.arguments(headers["task"], headers["args"], headers["kwargs"])

    def arguments(self, task_name: str, args: Any, kwargs: Any) -> str:
        if not args and not kwargs:
            return _NO_ARGUMENTS
        if self.mask:
            args, kwargs = self.mask(task_name, args or (), kwargs or {})
        positional, named = to_json(list(args or ())), to_json(kwargs or {})
        size = len(positional) + len(named)
        if size > self.arguments_max_bytes:
            return f',"arguments_cut":{size}'
        return f',"args":{positional},"kwargs":{named}'

    def capped(self, name: str, value: Any, scrubber: Scrubber | None) -> str:
        text = to_json(value)
        text = scrubber.json(text) if scrubber else mask_urls(text)
        if len(text) <= self.result_max_bytes:
            return f',"{name}":{text}'
        return fields({name: text[: self.result_max_bytes], f"{name}_cut": len(text)})

    def failure(self, exception: Any, einfo: Any, scrubber: Scrubber | None = None) -> str:
        error = f"{type(exception).__name__}: {exception}" if str(exception) else type(exception).__name__
        trace = str(getattr(einfo, "traceback", None) or einfo or "")
        hidden = scrubber.text if scrubber else mask_urls
        error, trace = hidden(error), hidden(trace)
        told: dict[str, Any] = {"error": error[: self.result_max_bytes], "traceback": trace}
        # The end says what was raised, the beginning where it came from.
        if len(trace) > self.result_max_bytes:
            half = self.result_max_bytes // 2
            told |= {"traceback": f"{trace[:half]}\n…\n{trace[-half:]}", "traceback_cut": len(trace)}
        return fields(told)


def event(kind: str, at: int, about: str) -> str:
    return f'{{"type":"{kind}","at":{at}e-6{about}}}'


def fields(values: dict[str, Any]) -> str:
    return "".join([f',"{name}":{to_json(value)}' for name, value in values.items()])


def identity(headers: dict[str, Any], worker: str = "") -> str:
    """What every message says of its run, without what it does not say."""
    run_id, root_id, attempt = headers["id"], headers.get("root_id"), headers.get("retries")
    said = to_json(run_id)
    about = f',"id":{said}{_of_many(str(headers["task"]), worker, str(headers.get("origin") or ""))}'
    about += f',"attempt":{to_json(attempt)}' if attempt else ',"attempt":0'
    if root_id:
        about += f',"root_id":{said if root_id == run_id else to_json(root_id)}'
    for name in _SAID_IF_ANY:
        if value := headers.get(name):
            about += f',"{name}":{to_json(value)}'
    return about


@lru_cache(REMEMBERED)
def _of_many(task: str, worker: str, origin: str) -> str:
    """What many runs have in common, as JSON."""
    said = {"task": task, "worker": worker, "origin": origin}
    return fields({name: value for name, value in said.items() if value})


@lru_cache(REMEMBERED)
def _place(ours: Callable[[Any], int | None], queue: str, priority: Any) -> str:
    return fields({"queue": queue, "priority": ours(priority)})


def received_at(headers: dict[str, Any]) -> str:
    received_at = headers.get("celeriac_received_at")
    return f',"received_at":{received_at}e-6' if received_at else ""


def now() -> int:
    return time.time_ns() // 1000


def micros(seconds: float) -> int:
    return round(seconds * 1_000_000)


def when(reason: Any) -> float | None:
    """The epoch second of the next try, from a Retry's `when` (seconds from now, or a time)."""
    when = getattr(reason, "when", None)
    if isinstance(when, datetime):
        return (when if when.tzinfo else when.replace(tzinfo=timezone.utc)).timestamp()
    if isinstance(when, timedelta):
        return time.time() + when.total_seconds()
    return time.time() + when if isinstance(when, int | float) else None


def number(value: Any) -> float | None:
    return value if isinstance(value, int | float) and not isinstance(value, bool) else None
