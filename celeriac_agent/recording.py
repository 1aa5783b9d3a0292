"""Celery's signals, written to the durable stream by the process in which they fire.

Which signal fires in which process, by case: prerun, success, failure and retry where the task runs;
received, revoked, unknown, time limits and lost children in the worker's main process; publish where the
task is sent. With prefork the main process also tells of starts, and only of runs that are not over within
a tenth of a second: the others are told in one event, by the process that ran them.
"""

import os
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from typing import Any
from weakref import WeakSet, WeakValueDictionary

from celery import Task
from celery.signals import (
    after_task_publish,
    before_task_publish,
    task_failure,
    task_postrun,
    task_prerun,
    task_received,
    task_rejected,
    task_retry,
    task_revoked,
    task_success,
    task_unknown,
    worker_init,
    worker_process_init,
    worker_process_shutdown,
    worker_shutdown,
)
from celery.worker import state as worker_state

from celeriac_agent import logs
from celeriac_agent.scrubbing import Scrubber, mask_urls, scrub, scrubber_of
from celeriac_agent.stream import EventStream, to_json

HEADER = "celeriac"  # a message that carries it was recorded when it was sent
ROUTE_FIELDS = ("root_id", "parent_id", "group")
PLACES_MAX = 1000
YOUNG_SECONDS = 0.05  # a message that came in since then may be over any moment
_NO_ARGUMENTS = {"args": "[]", "kwargs": "{}"}
_SAID_IF_ANY = (*ROUTE_FIELDS, "eta", "expires", "origin")

_stream: EventStream
_home_pid = 0
_is_child = False  # whether this is a process of a prefork pool
_tells_starts = False  # whether this is the main process of such a pool
_received: deque[Any] = deque()
_untold: WeakSet[Any] = WeakSet()  # requests whose start `flush` has to tell, and which have not ended
_taken: WeakValueDictionary[str, Any] = WeakValueDictionary()  # those that `flush` has seen, by run
_places: dict[tuple[Any, int | None], dict[str, str]] = {}  # queues and priorities, as JSON
_rules: "Rules"
_ask_to_flush: Callable[[], None] | None = None  # a worker's
_quiet: ContextVar[bool] = ContextVar("celeriac_quiet", default=False)


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


def connect(stream: EventStream, rules: Rules) -> None:
    """Record from now on to `stream`; the last call counts."""
    global _home_pid, _stream, _rules
    _home_pid, _stream, _rules = os.getpid(), stream, rules
    listen(True)
    for signal, receiver in (
        (worker_init, _on_worker),
        (worker_process_init, _on_process),
        (worker_process_shutdown, _on_shutdown),
        (worker_shutdown, _on_shutdown),
    ):
        _hear(signal, receiver)


def listen(on: bool) -> None:
    """Hear what becomes of runs; or, where nothing more can be told, only count what is missed."""
    for signal, receiver in (
        (before_task_publish, _on_before_publish),
        (after_task_publish, _on_published),
        (task_received, _on_received),
        (task_prerun, _on_started),
        (task_success, _on_succeeded),
        (task_failure, _on_failed),
        (task_retry, _on_retried),
        (task_postrun, _on_ended),
        (task_revoked, _on_revoked),
        (task_unknown, _on_unknown),
        (task_rejected, _on_unreadable),
    ):
        _hear(signal, receiver, on)
    for signal in (after_task_publish, task_prerun):
        _hear(signal, _on_missed, not on)


def _hear(signal: Any, receiver: Callable[..., None], on: bool = True) -> None:
    name = f"celeriac.{receiver.__name__}"
    if on:
        signal.connect(receiver, dispatch_uid=name, weak=False)
    else:
        signal.disconnect(dispatch_uid=name)


def connected() -> bool:
    """Whether this process records."""
    return _home_pid != 0


def tell_starts() -> None:
    """This is the main process of a prefork pool: from now on `flush` tells of the runs that have started."""
    global _tells_starts
    _tells_starts = True


def flush_with(ask: Callable[[], None]) -> None:
    """In a worker: a message that comes in calls `ask()`, which is to call `flush` soon."""
    global _ask_to_flush
    _ask_to_flush = ask


def flush(ends: bool = False) -> bool:
    """Write what was kept for later, and which runs this worker has received and not yet started, or runs.

    Most are over before: of these nothing is to be told here; what came in this moment is left for the next
    time, unless the worker `ends`. Returns whether it is to be called again soon.
    """
    for request in list(_untold):
        if request in worker_state.active_requests:
            _untold.discard(request)
            _tell_start(request)
        elif request.acknowledged:  # it ended, which tells all
            _untold.discard(request)
    before = time.time() - YOUNG_SECONDS
    while _received and (ends or _received[0].request_dict["celeriac_received_at"] < before):
        _tell_received(_received.popleft())
    _stream.flush()
    return bool(_untold or _received)


def _tell_received(request: Any) -> None:
    if request in worker_state.active_requests:
        if _tells_starts:
            _tell_start(request)
    elif request.acknowledged:  # it ended
        return
    else:
        # One for later is with a timer, and reserved when its time has come: until then it is this worker's.
        if request in worker_state.reserved_requests or request.eta:
            headers = request.request_dict
            event = {"type": "received", "at": headers["celeriac_received_at"], "worker": request.hostname}
            _stream.emit_later(event | _identity(headers), _unrecorded(headers))
        if _tells_starts:
            _untold.add(request)
    _taken[request.id] = request


def _tell_start(request: Any) -> None:
    headers = request.request_dict
    event = {"type": "started", "at": request.time_start, "worker": request.hostname}
    _stream.emit_later(event | _identity(headers) | _received_at(headers), _unrecorded(headers))


@contextmanager
def publishing_quietly() -> Iterator[None]:
    """Messages published in this block are not told of in the stream: who sends them notes it themselves.

    For batches: Celery's signal comes before a batch is flushed, when nothing is sent yet.
    """
    token = _quiet.set(True)
    try:
        yield
    finally:
        _quiet.reset(token)


def _on_before_publish(headers: dict[str, Any], properties: dict[str, Any], **_: Any) -> None:
    _rules.prepare(headers, properties)
    headers[HEADER] = {"sent_at": time.time(), "priority": _rules.priority(properties.get("priority"))}


def _on_published(headers: dict[str, Any], body: Any, routing_key: str, **_: Any) -> None:
    if _quiet.get() or HEADER not in headers:  # it began while nobody listened
        return
    event = {"type": "sent", "at": headers[HEADER]["sent_at"], "queue": routing_key}
    event |= {"priority": headers[HEADER]["priority"]} | _identity(headers)
    _stream.emit(event, _arguments(headers["task"], body[0], body[1]))


def _on_received(sender: Any, request: Any, **_: Any) -> None:
    """Stamp the request; who is still waiting in the worker at the next `flush` gets an event of its own.

    Most runs start within a millisecond: the process that starts them says when they were received.
    """
    request.request_dict["celeriac_received_at"] = time.time()
    _received.append(request)
    if _ask_to_flush is not None:
        _ask_to_flush()


def _on_worker(**_: Any) -> None:
    global _home_pid
    _home_pid = os.getpid()  # a worker in the background is not the process that was started


def _on_process(**_: Any) -> None:
    global _is_child, _tells_starts
    if os.getpid() != _home_pid:  # a pool without processes sends this signal too, from the main one
        _is_child, _tells_starts = True, False
        _received.clear()
        _untold.clear()
        logs.after_fork()


def _on_started(task: Task, task_id: str, **_: Any) -> None:
    request = task.request
    facts = request.__dict__
    facts["celeriac_started"] = time.monotonic()
    facts["celeriac_started_at"] = time.time()
    if not _is_child:
        event = {"type": "started", "at": facts["celeriac_started_at"], "worker": request.hostname}
        _stream.emit(event | _identity(facts) | _received_at(facts), _unrecorded(facts))
    # A message that waited in a worker may have been cancelled there; any other was in its queue till now.
    if _rules.cancels:
        waited = request.retries or request.eta or (request.delivery_info or {}).get("redelivered")
        if waited and _stream.is_cancelled(task_id):
            request.celeriac_cancelled = True
            _emit("revoked", request, terminated=False, expired=False)


def _on_succeeded(sender: Task, result: Any, **_: Any) -> None:
    request = sender.request
    ignored = sender.ignore_result or getattr(request, "ignore_result", False)
    _emit_end("succeeded", request, {}, {} if ignored else _capped("result", result, scrubber_of(sender)))


def _on_failed(sender: Any, task_id: str, exception: BaseException, einfo: Any = None, **_: Any) -> None:
    if sender.request.id == task_id:
        _emit_end("failed", sender.request, _failure(exception, einfo, scrubber_of(sender)))
    else:  # in the main process (lost child, time limit) there is no current request
        event = {"type": "failed", "at": time.time(), "id": task_id, "task": sender.name}
        _stream.emit(event | _started_at(task_id, {}) | _failure(exception, einfo))


def _on_retried(sender: Task, request: Any, reason: Any, einfo: Any = None, **_: Any) -> None:
    cause = getattr(reason, "exc", None) or reason
    _emit_end("retried", request, {"next_at": _when(reason)} | _failure(cause, einfo, scrubber_of(sender)))


def _on_ended(task: Task, state: str | None = None, **_: Any) -> None:
    if state in ("IGNORED", "REJECTED"):  # the other ends have signals of their own
        _emit_end(state.lower(), task.request, {})


def _on_missed(**_: Any) -> None:
    logs.end("", None)  # what the one before has printed of a line
    _stream.drop()


def _on_revoked(request: Any, terminated: bool, signum: Any, expired: bool, **_: Any) -> None:
    _emit("revoked", request, terminated=bool(terminated), expired=bool(expired), signal=str(signum or ""))


def _on_unknown(sender: Any, name: str, id: str, message: Any, **_: Any) -> None:
    event = {"type": "failed", "at": time.time(), "worker": sender.hostname} | _identity(message.headers)
    error = f"NotRegistered: the worker knows no task named {name}"
    _stream.emit(event | {"error": error, "traceback": ""}, _unrecorded(message.headers))


def tell_unreadable(consumer: Any) -> None:
    """Also tell of messages whose body cannot be decoded; Celery has no signal for these."""
    acknowledge = consumer.on_decode_error

    def on_decode_error(message: Any, exc: Exception) -> None:
        _on_unreadable(consumer, message, exc)
        acknowledge(message, exc)

    consumer.on_decode_error = on_decode_error


def _on_unreadable(sender: Any, message: Any, exc: Exception | None, **_: Any) -> None:
    """The worker drops a message; without an id and a task it is nobody's run."""
    headers = message.headers or {}
    if exc is not None and headers.get("id") and headers.get("task"):
        event = {"type": "failed", "at": time.time(), "worker": sender.hostname} | _identity(headers)
        _stream.emit(event | {"error": mask_urls(f"{type(exc).__name__}: {exc}"), "traceback": ""}, {})


def _on_shutdown(**_: Any) -> None:
    flush(ends=True)
    _stream.close()


def record_progress(task: Task, state: str, meta: Any) -> None:
    """Write a progress event; `meta` in the shape of `progress()`, or anything a plain task passes."""
    fields = meta if isinstance(meta, dict) else {}
    message = fields.get("message") or fields.get("status") or ("" if state == "PROGRESS" else state)
    _emit(
        "progress",
        task.request,
        current=_number(fields.get("current")),
        total=_number(fields.get("total")),
        message=scrub(task, str(message))[:500],
    )


def _emit(kind: str, request: Any, **fields: Any) -> None:
    _stream.emit(_about(kind, request) | fields)


def _emit_end(kind: str, request: Any, fields: dict[str, Any], raw: dict[str, str] | None = None) -> None:
    """The end of an attempt, with all that its start would have told."""
    facts = request.__dict__
    logs.end(request.id, facts.get("celeriac_started_at"))
    event = {"type": kind, "at": time.time(), "worker": request.hostname, "runtime": _runtime(facts)}
    event |= _identity(facts) | _started_at(request.id, facts) | _received_at(facts) | fields
    _stream.emit(event, (raw or {}) | _unrecorded(facts))


def _about(kind: str, request: Any) -> dict[str, Any]:
    return {
        "type": kind,
        "at": time.time(),
        "id": request.id,
        "task": request.task,
        "attempt": request.retries or 0,
        "worker": request.hostname,
    }


def _identity(headers: dict[str, Any]) -> dict[str, Any]:
    """What every message says of its run, without what it does not say."""
    facts = {"id": headers["id"], "task": headers["task"], "attempt": headers.get("retries") or 0}
    for name in _SAID_IF_ANY:
        if value := headers.get(name):
            facts[name] = value
    return facts


def _started_at(run_id: str, facts: dict[str, Any]) -> dict[str, float]:
    """When the attempt started: as the process that ran it noted, or as the main process heard."""
    started_at = facts.get("celeriac_started_at")
    if started_at is None:
        young = (request for request in tuple(_received) if request.id == run_id)
        started_at = getattr(_taken.get(run_id) or next(young, None), "time_start", None)
    return {"started_at": started_at} if started_at else {}


def _received_at(headers: dict[str, Any]) -> dict[str, float]:
    received_at = headers.get("celeriac_received_at")
    return {"received_at": received_at} if received_at else {}


def _unrecorded(headers: dict[str, Any]) -> dict[str, str]:
    """Arguments, queue and priority of a message whose sender did not record it; nothing for the others."""
    if headers.get(HEADER) or "args" not in headers:
        return {}
    delivery = headers.get("delivery_info") or {}
    where = (delivery.get("routing_key"), _rules.priority(delivery.get("priority")))
    if (said := _places.get(where)) is None:
        said = {"queue": to_json(where[0]), "priority": to_json(where[1])}
        if len(_places) < PLACES_MAX:
            _places[where] = said
    return said | _arguments(headers["task"], headers["args"], headers["kwargs"])


def _arguments(task_name: str, args: Any, kwargs: Any) -> dict[str, str]:
    if not args and not kwargs:
        return _NO_ARGUMENTS
    if _rules.mask:
        args, kwargs = _rules.mask(task_name, args or (), kwargs or {})
    raw = {"args": to_json(list(args or ())), "kwargs": to_json(kwargs or {})}
    size = sum(map(len, raw.values()))
    return raw if size <= _rules.arguments_max_bytes else {"arguments_cut": str(size)}


def _capped(name: str, value: Any, scrubber: Scrubber | None) -> dict[str, str]:
    text = to_json(value)
    text = scrubber.json(text) if scrubber else mask_urls(text)
    if len(text) <= _rules.result_max_bytes:
        return {name: text}
    return {name: to_json(text[: _rules.result_max_bytes]), f"{name}_cut": str(len(text))}


def _failure(exception: Any, einfo: Any, scrubber: Scrubber | None = None) -> dict[str, Any]:
    error = f"{type(exception).__name__}: {exception}" if str(exception) else type(exception).__name__
    trace = str(getattr(einfo, "traceback", None) or einfo or "")
    hidden = scrubber.text if scrubber else mask_urls
    error, trace = hidden(error), hidden(trace)
    fields = {"error": error[: _rules.result_max_bytes], "traceback": trace}
    if len(trace) > _rules.result_max_bytes:  # the end says what was raised, the beginning where it came from
        half = _rules.result_max_bytes // 2
        fields |= {"traceback": f"{trace[:half]}\n…\n{trace[-half:]}", "traceback_cut": str(len(trace))}
    return fields


def _runtime(facts: dict[str, Any]) -> float | None:
    started = facts.get("celeriac_started")
    return None if started is None else time.monotonic() - started


def _when(reason: Any) -> float | None:
    """The epoch second of the next try, from a Retry's `when` (seconds from now, or a time)."""
    when = getattr(reason, "when", None)
    if isinstance(when, datetime):
        return (when if when.tzinfo else when.replace(tzinfo=timezone.utc)).timestamp()
    if isinstance(when, timedelta):
        return time.time() + when.total_seconds()
    return time.time() + when if isinstance(when, int | float) else None


def _number(value: Any) -> float | None:
    return value if isinstance(value, int | float) and not isinstance(value, bool) else None
