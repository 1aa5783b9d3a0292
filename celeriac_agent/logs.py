"""The log of a run: what its task logs or prints while it runs, sent to the durable stream in batches.

Celery sends what a task prints through its logger `celery.redirected`, so one handler hears all of it. What
is printed comes in pieces (`print("rows", 3)` writes four); they are joined until the line or the attempt
ends. What Celery itself says about a run is left out. Lines wait up to half a second in the process that runs
the task, or until the attempt ends; a run that logs nothing costs nothing.

The beginning of a long log is kept as it comes. Of the rest only the newest lines are kept, and sent now and
then, so that a task that logs without end neither fills the stream nor waits for it.
"""

import logging
import re
import sys
import threading
import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

from celery import current_task
from celery.app.log import Logging
from celery.signals import after_setup_logger, after_setup_task_logger
from celery.utils.log import LoggingProxy
from kombu.utils.encoding import safe_str

from celeriac_agent.scrubbing import ScrubbedFormatter, scrub_of_running
from celeriac_agent.stream import EventStream

FLUSH_SECONDS = 0.5
TAIL_SECONDS = 5.0
OPEN_MAX = 100_000  # characters of a line that does not end; then it is sent as it is
LINE_MAX = 2000  # characters; longer lines are cut
TAIL_SHARE = 0.25  # of a run's bytes, for its newest lines
TAIL = 1_000_000  # the place of the piece that holds them; each new one takes the place of the last

_FRAMEWORK = (
    "celery.app",
    "celery.worker",
    "celery.pool",
    "celery.bootsteps",
    "celery.beat",
    "celery.backends",
)
_COLOURS = re.compile(r"\x1b\[[0-9;?]*[ -/]*[@-~]")

Line = list[Any]  # [number, epoch second, level, text]


class Start(NamedTuple):
    """When an attempt started, in microseconds: of the epoch, and of a clock that is never set."""

    at: int
    clock: int


class RunLog:
    """The lines of one attempt that are still to be sent."""

    def __init__(self, run_id: str, started_at: float, max_bytes: int) -> None:
        self.run_id = run_id
        self.started_at = started_at
        self._room = int(max_bytes * (1 - TAIL_SHARE))
        self._tail_room = max_bytes - self._room
        self._count = self._pieces = self._tail_bytes = 0
        self._head: list[Line] = []
        self._tail: deque[Line] = deque()
        self._tail_sent_at = 0.0
        self._tail_grew = False

    def add(self, at: float, level: str, text: str) -> None:
        """Take a line in."""
        self._count += 1
        line: Line = [self._count, at, level, text]
        size = _size(text)
        if not self._tail and size <= self._room:
            self._room -= size
            self._head.append(line)
            return
        self._tail.append(line)
        self._tail_grew = True
        self._tail_bytes += size
        while self._tail_bytes > self._tail_room and len(self._tail) > 1:
            self._tail_bytes -= _size(self._tail.popleft()[3])

    def due(self, ended: bool) -> list[dict[str, Any]]:
        """The events to send now."""
        events = []
        if self._head:
            events.append(self._event(self._pieces, self._head))
            self._pieces += 1
            self._head = []
        if self._tail_grew and (ended or time.monotonic() - self._tail_sent_at > TAIL_SECONDS):
            events.append(self._event(TAIL, list(self._tail)))
            self._tail_sent_at = time.monotonic()
            self._tail_grew = False
        return events

    def waits(self) -> bool:
        return bool(self._head) or self._tail_grew

    def _event(self, piece: int, lines: list[Line]) -> dict[str, Any]:
        event = {"type": "log", "id": self.run_id, "at": time.time(), "started_at": self.started_at}
        return event | {"piece": piece, "lines": lines}


class LinesToLogger(LoggingProxy):  # type: ignore[misc]  # Celery ships no types
    """Stands for standard output and error; each thread's pieces go to the logger as whole lines."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._open = threading.local()

    def write(self, data: Any) -> int:
        """Take a piece in. A progress bar's carriage return ends a line as well."""
        piece = safe_str(data)
        text = getattr(self._open, "text", "") + piece
        end = max(text.rfind("\n"), text.rfind("\r")) + 1
        if len(text) - end > OPEN_MAX:
            end = len(text)
        self._open.text = text[end:]
        if end:
            super().write(text[:end])
        return len(piece)

    def end_line(self) -> None:
        """Send what this thread has written of a line."""
        if text := getattr(self._open, "text", ""):
            self._open.text = ""
            super().write(text)


class LineLogging(Logging):  # type: ignore[misc]  # Celery ships no types
    """Celery's logging, with standard output and error redirected by lines."""

    def redirect_stdouts_to_logger(
        self, logger: logging.Logger, loglevel: Any = None, stdout: bool = True, stderr: bool = True
    ) -> LinesToLogger:
        proxy = LinesToLogger(logger, loglevel)
        if stdout:
            sys.stdout = proxy
        if stderr:
            sys.stderr = proxy
        return proxy


class RunLogHandler(logging.Handler):
    """Gives each record to the run that is running where it was logged; records of no run are not its."""

    def __init__(self, stream: EventStream, max_bytes: int) -> None:
        super().__init__()
        self._stream = stream
        self._max_bytes = max_bytes
        self._logs: dict[tuple[str, float], RunLog] = {}
        self._flusher: threading.Thread | None = None
        self._begins = False

    def emit(self, record: logging.LogRecord) -> None:
        """Take a record in, under the handler's lock. Never raises: a log line must not fail a task."""
        if record.name.startswith(_FRAMEWORK) or not current_task:
            return
        request = current_task.request
        facts = request.__dict__
        if self._begins and request.id and not request.called_directly:
            begin(facts)
        if (start := begun(facts)) is None or self._stream.is_full:
            return
        try:
            text = self.format(record)
        except Exception as error:  # anybody's arguments to a format string
            text = f"{record.msg!r} could not be formatted: {type(error).__name__}: {error}"
        key = (str(request.id), start.at / 1_000_000)
        if key not in self._logs:
            self._logs[key] = RunLog(*key, self._max_bytes)
        printed = record.name == "celery.redirected" and record.levelno <= logging.INFO
        for line in plain(scrub_of_running(text)).split("\n"):  # whole: a secret may have several lines
            self._logs[key].add(record.created, "PRINT" if printed else record.levelname, line)
        self._flush_soon()

    def end(self, run_id: str, start: Start) -> None:
        """Send what the attempt still has, before its end is told."""
        key = (run_id, start.at / 1_000_000)
        if key not in self._logs:
            return
        with self._locked():
            events = self._logs.pop(key).due(ended=True)
        for event in events:
            self._stream.emit(event)

    def after_fork(self, begins: bool) -> None:
        """Forget the parent's lock, thread and lines, in a process that was forked from it.

        Where the first to log `begins` an attempt, all that is logged here is of one that runs.
        """
        self.createLock()
        self._logs, self._flusher, self._begins = {}, None, begins

    @contextmanager
    def _locked(self) -> Iterator[None]:
        self.acquire()
        try:
            yield
        finally:
            self.release()

    def _flush_soon(self) -> None:
        if self._flusher is None:
            self._flusher = threading.Thread(target=self._flush, name="celeriac-logs", daemon=True)
            self._flusher.start()

    def _flush(self) -> None:
        """The thread's work while there are lines; the first line after its end starts another."""
        while True:
            time.sleep(FLUSH_SECONDS)
            with self._locked():
                events = [event for log in self._logs.values() for event in log.due(ended=False)]
                if not any(log.waits() for log in self._logs.values()) and not events:
                    self._flusher = None
                    return
            for event in events:
                self._stream.emit(event)


_handler: RunLogHandler | None = None
_scrubs_own_log = False


def install(stream: EventStream, max_bytes: int, scrubs_own_log: bool) -> None:
    """Hear of everything that workers of this process log from now on; the last call counts.

    With `scrubs_own_log` what they write themselves is without the secrets of their runs, too.
    """
    global _handler, _scrubs_own_log
    _scrubs_own_log = scrubs_own_log
    _handler = RunLogHandler(stream, max_bytes)
    for signal in (after_setup_logger, after_setup_task_logger):
        signal.connect(_add, dispatch_uid=f"celeriac.logs.{id(signal)}", weak=False)


def begin(facts: dict[str, Any]) -> Start:
    """The attempt starts, unless it has: Celery may tell somebody who logs before it tells us.

    `facts` is the `__dict__` of its request, which holds what the message said, too.
    """
    if (start := begun(facts)) is None:
        start = facts["celeriac_start"] = Start(time.time_ns() // 1000, time.monotonic_ns() // 1000)
    return start


def begun(facts: dict[str, Any]) -> Start | None:
    """When the attempt started; None if that was in another process, or never."""
    start = facts.get("celeriac_start")
    return start if isinstance(start, Start) else None


def end(run_id: str, start: Start | None) -> None:
    """The attempt has ended: its last lines are sent, also one that was printed without its end."""
    out, errors = sys.stdout, sys.stderr
    if isinstance(out, LinesToLogger):
        out.end_line()
    if errors is not out and isinstance(errors, LinesToLogger):
        errors.end_line()
    if _handler is not None and start is not None:
        _handler.end(run_id, start)


def after_fork(begins: bool) -> None:
    """In a child of a prefork pool."""
    if _handler is not None:
        _handler.after_fork(begins)


def plain(text: str) -> str:
    """Text without colours and control characters; carriage returns of progress bars become lines."""
    text = _COLOURS.sub("", text).replace("\r\n", "\n").replace("\r", "\n").rstrip("\n")
    text = "".join(sign if sign in "\n\t" or sign.isprintable() else "\ufffd" for sign in text)
    return "\n".join(line if len(line) <= LINE_MAX else f"{line[:LINE_MAX]} …" for line in text.split("\n"))


def _size(text: str) -> int:
    return len(text.encode("utf-8", "replace")) + 40  # what stands beside the text in JSON


def _add(logger: logging.Logger, **_: Any) -> None:
    for old in [handler for handler in logger.handlers if isinstance(handler, RunLogHandler)]:
        logger.removeHandler(old)
    for other in logger.handlers if _scrubs_own_log else ():
        if not isinstance(other.formatter, ScrubbedFormatter):
            other.setFormatter(ScrubbedFormatter(other.formatter or logging.Formatter()))
    if _handler is not None:
        logger.addHandler(_handler)
