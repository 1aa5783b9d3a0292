"""Celery's signals, written to the durable stream by the process in which they fire.

Which signal fires in which process, by case: prerun, success, failure and retry where the task runs;
received, revoked, unknown, time limits and lost children in the worker's main process; publish where the
task is sent. With prefork the main process also tells of starts, and only of runs that are not over within
a tenth of a second: the others are told in one event, by the process that ran them.

To send a signal takes as long as to write an event. So the children of a pool hear of a start by the app's
loader, which Celery calls anyway, and `task_postrun`, which comes with each run, is not listened to.
"""

import logging
import os
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any
from weakref import WeakSet, WeakValueDictionary, ref

from celery import Celery, Task
from celery.app.trace import TraceInfo
from celery.signals import (
    after_task_publish,
    before_task_publish,
    task_failure,
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

from celeriac_agent import events, logs
from celeriac_agent.events import Rules
from celeriac_agent.scrubbing import mask_urls, scrub, scrubber_of
from celeriac_agent.stream import EventStream

YOUNG_MICROS = 50_000  # a message that came in since then may be over any moment
QUIET_SECONDS = 30.0  # without anything missed: by then all processes have told what they had kept

logger = logging.getLogger(__name__)

_stream: EventStream
_home_pid = 0
_is_child = False  # whether this is a process of a prefork pool
_tells_starts = False  # whether this is the main process of such a pool
_listens = False
_loader: Any = None  # from which the children of this worker hear of starts
_received: deque[tuple[int, ref[Any]]] = deque()  # since when; weak, for Python to use the memory again
_untold: WeakSet[Any] = WeakSet()  # requests whose start `flush` has to tell, and which have not ended
_taken: WeakValueDictionary[str, Any] = WeakValueDictionary()  # those that `flush` has seen, by run
_rules: Rules
_ask_to_flush: Callable[[], None] | None = None  # a worker's
_quiet: ContextVar[bool] = ContextVar("celeriac_quiet", default=False)


def connect(stream: EventStream, rules: Rules) -> None:
    """Record from now on to `stream`; the last call counts."""
    global _home_pid, _stream, _rules
    if not connected():
        _hear_of_other_ends()
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
    global _listens
    _listens = on
    for signal, receiver in (
        (before_task_publish, _on_before_publish),
        (after_task_publish, _on_published),
        (task_received, _on_received),
        (task_success, _on_succeeded),
        (task_failure, _on_failed),
        (task_retry, _on_retried),
        (task_revoked, _on_revoked),
        (task_unknown, _on_unknown),
        (task_rejected, _on_unreadable),
    ):
        _hear(signal, receiver, on)
    _hear(after_task_publish, _on_missed, not on)
    by_signal = not _is_child or _loader is None
    _hear(task_prerun, _on_started, by_signal and on)
    _hear(task_prerun, _on_missed, by_signal and not on)


def _hear(signal: Any, receiver: Callable[..., None], on: bool = True) -> None:
    name = f"celeriac.{receiver.__name__}"
    if on:
        signal.connect(receiver, dispatch_uid=name, weak=False)
    else:
        signal.disconnect(dispatch_uid=name)


def connected() -> bool:
    """Whether this process records."""
    return _home_pid != 0


def hear_starts(app: Celery) -> None:
    """The children that this worker's pool will have hear of starts by the app's loader, without a signal."""
    global _loader
    if _loader is app.loader:
        return
    _loader, on_task_init = app.loader, app.loader.on_task_init

    def heard(task_id: str, task: Task) -> None:
        if _is_child:
            _in_nobodys_way(_on_started, task)
        on_task_init(task_id, task)

    _loader.on_task_init = heard


def _hear_of_other_ends() -> None:
    """Celery has no signal of its own for runs that their task ignored or rejected."""

    def heard_too(kind: str, handle: Callable[..., None]) -> Callable[..., None]:
        def heard(info: TraceInfo, task: Task, request: Any, **options: Any) -> None:
            handle(info, task, request, **options)
            if _listens:
                _in_nobodys_way(_emit_end, kind, request)

        return heard

    TraceInfo.handle_ignore = heard_too("ignored", TraceInfo.handle_ignore)
    TraceInfo.handle_reject = heard_too("rejected", TraceInfo.handle_reject)


def _in_nobodys_way(tell: Callable[..., None], *args: Any) -> None:
    """What a signal does for its receivers."""
    try:
        tell(*args)
    except Exception:
        logger.exception("Celeriac is not told of all that a run did")


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
    before = events.now() - YOUNG_MICROS
    while _received and (ends or _received[0][0] < before):
        if (request := _received.popleft()[1]()) is not None:
            _tell_received(request)
    _stream.flush()
    return bool(_untold or _received)


def _tell_received(request: Any) -> None:
    if request.acknowledged and request.id not in worker_state.requests:  # it ended, as most have
        return
    if request in worker_state.active_requests:
        if _tells_starts:
            _tell_start(request)
    elif request.acknowledged:  # it ended
        return
    else:
        # One for later is with a timer, and reserved when its time has come: until then it is this worker's.
        if request in worker_state.reserved_requests or request.eta:
            headers = request.request_dict
            about = events.identity(headers, request.hostname) + _rules.unrecorded(headers)
            _stream.emit_later(events.event("received", headers["celeriac_received_at"], about))
        if _tells_starts:
            _untold.add(request)
    _taken[request.id] = request


def _tell_start(request: Any) -> None:
    headers = request.request_dict
    about = _attempt(headers, request.hostname)
    _stream.emit_later(events.event("started", events.micros(request.time_start), about))


def tell_gap(consumer: Any, reached: bool) -> None:
    """At each of a worker's heartbeats: once nothing is missed any more, tell from when to when it was.

    `reached` is whether Redis took the heartbeat. The worker names what it has then: what else it told of has
    ended.
    """
    since, until = _stream.gap.span
    if not until:
        return
    if not reached:
        _stream.gap.note()
    elif time.time() - until > QUIET_SECONDS:
        _stream.gap.close()
        # By its loop: then nothing is on its way from one place to another.
        consumer.call_soon(_in_nobodys_way, _tell_gap, consumer, since, until)


def _tell_gap(consumer: Any, since: float, until: float) -> None:
    said = {"worker": consumer.hostname, "since": since, "until": until, "has": sorted(_in_hand(consumer))}
    _tell("missed", events.fields(said))


def _in_hand(consumer: Any) -> set[str]:
    """The runs that the worker has: they run, or wait for a process, their time or a rate limit."""
    timed = (entry.entry.args or () for entry in consumer.timer.schedule.queue)
    limited = (bucket.contents for bucket in consumer.task_buckets.values() if bucket)
    requests = [
        *worker_state.requests.values(),
        *worker_state.active_requests,
        *(args[0] for args in timed if args and hasattr(args[0], "request_dict")),
        *(request for contents in limited for request, _tokens in contents),
    ]
    return {request.id for request in requests}


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
    headers[events.HEADER] = {"sent_at": time.time(), "priority": _rules.priority(properties.get("priority"))}


def _on_published(headers: dict[str, Any], body: Any, routing_key: str, **_: Any) -> None:
    if _quiet.get() or events.HEADER not in headers:  # it began while nobody listened
        return
    sent = headers[events.HEADER]
    about = events.identity(headers) + _rules.arguments(headers["task"], body[0], body[1])
    about += events.fields({"queue": routing_key, "priority": sent["priority"]})
    _stream.emit(events.event("sent", events.micros(sent["sent_at"]), about))


def _on_received(sender: Any, request: Any, **_: Any) -> None:
    """Stamp the request; who is still waiting in the worker at the next `flush` gets an event of its own.

    Most runs start within a millisecond: the process that starts them says when they were received.
    """
    request.request_dict["celeriac_received_at"] = now = events.now()
    _received.append((now, ref(request)))
    if _ask_to_flush is not None:
        _ask_to_flush()


def _on_worker(sender: Any, **_: Any) -> None:
    global _home_pid
    _home_pid = os.getpid()  # a worker in the background is not the process that was started
    hear_starts(sender.app)


def _on_process(**_: Any) -> None:
    global _is_child, _tells_starts
    if os.getpid() != _home_pid:  # a pool without processes sends this signal too, from the main one
        _is_child, _tells_starts = True, False
        _received.clear()
        _untold.clear()
        logs.after_fork(begins=_loader is not None)
        listen(_listens)


def _on_started(task: Task, **_: Any) -> None:
    request = task.request
    facts = request.__dict__
    start = logs.begin(facts)
    if not _listens:
        _on_missed()
        return
    if not _is_child:
        _stream.emit(events.event("started", start.at, _attempt(facts, request.hostname)))
    # A message that waited in a worker may have been cancelled there; any other was in its queue till now.
    if _rules.cancels:
        waited = request.retries or request.eta or (request.delivery_info or {}).get("redelivered")
        if waited and _stream.is_cancelled(request.id):
            request.celeriac_cancelled = True
            _emit("revoked", request, terminated=False, expired=False)


def _on_succeeded(sender: Task, result: Any, **_: Any) -> None:
    request = sender.request
    ignored = sender.ignore_result or getattr(request, "ignore_result", False)
    _emit_end("succeeded", request, "" if ignored else _rules.capped("result", result, scrubber_of(sender)))


def _on_failed(sender: Any, task_id: str, exception: BaseException, einfo: Any = None, **_: Any) -> None:
    if sender.request.id == task_id:
        _emit_end("failed", sender.request, _rules.failure(exception, einfo, scrubber_of(sender)))
    else:  # in the main process (lost child, time limit) there is no current request
        about = events.fields({"id": task_id, "task": sender.name}) + _heard_start(task_id)
        _tell("failed", about + _rules.failure(exception, einfo))


def _on_retried(sender: Task, request: Any, reason: Any, einfo: Any = None, **_: Any) -> None:
    cause = getattr(reason, "exc", None) or reason
    more = events.fields({"next_at": events.when(reason)}) + _rules.failure(cause, einfo, scrubber_of(sender))
    _emit_end("retried", request, more)


def _on_missed(**_: Any) -> None:
    logs.end("", None)  # what the one before has printed of a line
    _stream.drop()


def _on_revoked(request: Any, terminated: bool, signum: Any, expired: bool, **_: Any) -> None:
    _emit("revoked", request, terminated=bool(terminated), expired=bool(expired), signal=str(signum or ""))


def _on_unknown(sender: Any, name: str, id: str, message: Any, **_: Any) -> None:
    error = f"NotRegistered: the worker knows no task named {name}"
    about = events.identity(message.headers, sender.hostname) + _rules.unrecorded(message.headers)
    _tell("failed", about + events.fields({"error": error, "traceback": ""}))


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
        error = mask_urls(f"{type(exc).__name__}: {exc}")
        about = events.identity(headers, sender.hostname) + events.fields({"error": error, "traceback": ""})
        _tell("failed", about)


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
        current=events.number(fields.get("current")),
        total=events.number(fields.get("total")),
        message=scrub(task, str(message))[:500],
    )


def _emit(kind: str, request: Any, **fields: Any) -> None:
    about = {"id": request.id, "task": request.task, "attempt": request.retries or 0}
    _tell(kind, events.fields(about | {"worker": request.hostname} | fields))


def _emit_end(kind: str, request: Any, more: str = "") -> None:
    """The end of an attempt, with all that its start would have told."""
    facts = request.__dict__
    start = logs.begun(facts)
    logs.end(request.id, start)
    if start is not None:
        runtime = time.monotonic_ns() // 1000 - start.clock
        more += f',"started_at":{start.at}e-6,"runtime":{runtime}e-6'
    else:
        more += _heard_start(request.id)
    _tell(kind, _attempt(facts, request.hostname) + more)


def _tell(kind: str, about: str) -> None:
    _stream.emit(events.event(kind, events.now(), about))


def _attempt(headers: dict[str, Any], worker: str) -> str:
    """What is told of an attempt by the worker that has it."""
    return events.identity(headers, worker) + events.received_at(headers) + _rules.unrecorded(headers)


def _heard_start(run_id: str) -> str:
    """When an attempt started, as the main process heard."""
    requests = [request() for _, request in tuple(_received)]
    young = (request for request in requests if request is not None and request.id == run_id)
    started_at = getattr(_taken.get(run_id) or next(young, None), "time_start", None)
    return f',"started_at":{events.micros(started_at)}e-6' if started_at else ""
