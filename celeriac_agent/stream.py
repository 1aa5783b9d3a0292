"""The durable stream: what processes say about runs, kept in Redis until it is recorded."""

import atexit
import json
import logging
import math
import os
import threading
import time
import weakref
from collections import deque
from collections.abc import Callable, Mapping
from datetime import date, datetime, timedelta
from datetime import time as clock_time
from json.encoder import encode_basestring
from typing import Any

import redis

from celeriac_agent import redis_urls
from celeriac_agent.connection import ANSWER_SECONDS, CONNECT_SECONDS, Connection
from celeriac_agent.gap import Gap

STREAM = "celeriac:events"
VERSION = 1  # of the events; an event without one is of the first
BACKLOG_MAX = 20_000
FLUSH_MAX = 500
RETRY_SECONDS = 0.5
CANCELLED_PREFIX = "celeriac:cancelled:"

logger = logging.getLogger(__name__)


class EventStream:
    """Appends events to the stream; while Redis is away it keeps the next 20,000, and a thread tries again.

    When it can keep no more it calls `listen(False)`, and `listen(True)` when Redis is back. A task waits for
    Redis once, when it goes away. One an app; safe to use from threads and after a fork. An event may be
    written twice when a connection breaks at the wrong moment: readers must be idempotent. `app` is said in
    each event; none for Celeriac's own.
    """

    def __init__(self, url: str, max_events: int, app: str = "") -> None:
        self._url = url
        self._mark = f',"v":{VERSION},"app":{to_json(app)}}}' if app else "}"
        self._max_events = max_events
        self.listen: Callable[[bool], None] = lambda _on: None
        self.is_full = False
        self.gap = Gap()
        self._begin()
        begin, close = weakref.WeakMethod(self._begin), weakref.WeakMethod(self.close)
        os.register_at_fork(after_in_child=lambda: _call(begin))
        atexit.register(lambda: _call(close))

    def _begin(self) -> None:
        """Nothing is inherited over a fork: the parent goes on writing what it has."""
        self._lock = threading.RLock()  # of the connection
        self._keeping = threading.Lock()
        self._connection = Connection(self._url, STREAM, self._max_events, says_clock=self._mark != "}")
        self._backlog: deque[str] = deque(maxlen=BACKLOG_MAX)
        self._is_away = False  # then a thread tries again, and nobody else
        self._dropped = 0
        self._tender: threading.Thread | None = None
        self._asking: redis.Redis | None = None
        self._set_full(False)

    def emit(self, event: Mapping[str, Any] | str) -> None:
        """Write an event now, after what is in the backlog. A text is JSON already."""
        if self.is_full:
            self.drop()
            return
        text = self._marked(event)
        if self._is_away and self._kept_while_away(text):
            return
        with self._lock:
            if self._backlog or self._is_away:
                self._keep(text)
                self._flush()
            else:
                self._write([text])

    def emit_later(self, event: Mapping[str, Any] | str) -> None:
        """Keep an event for the next `flush` (the worker's main process flushes on a timer)."""
        if self.is_full:
            self.drop()
            return
        text = self._marked(event)
        if not (self._is_away and self._kept_while_away(text)):
            self._keep(text)

    def drop(self) -> None:
        """Count an event that is told to nobody."""
        self._dropped += 1
        self.gap.note()

    def is_cancelled(self, run_id: str) -> bool:
        """Whether somebody cancelled the run after a worker had taken it; False while Redis is away."""
        if self._is_away:
            return False
        if self._asking is None:
            limits = {"socket_timeout": ANSWER_SECONDS, "socket_connect_timeout": CONNECT_SECONDS}
            self._asking = redis_urls.client(self._url, single_connection_client=True, **limits)
        try:
            return bool(self._asking.exists(CANCELLED_PREFIX + run_id))
        except redis.RedisError:
            return False

    def flush(self) -> None:
        """Write the backlog; never raises: what cannot be written stays and is tried again."""
        if self._backlog and not self._is_away:
            with self._lock:
                self._flush()

    def close(self) -> None:
        """The process ends: write what waits, and wait for the answers that are missing."""
        if not self._is_away and self._lock.acquire(timeout=CONNECT_SECONDS):
            try:
                self._flush()
                self._connection.settle()
            except redis.RedisError:
                self._give_up()
            finally:
                self._lock.release()
        if self._backlog:  # of a pool's child: its worker goes on
            self.gap.note()

    def _marked(self, event: Mapping[str, Any] | str) -> str:
        text = event if isinstance(event, str) else to_json(event)
        return text[:-1] + self._mark

    def _keep(self, text: str) -> None:
        if len(self._backlog) < BACKLOG_MAX:
            self._backlog.append(text)
        else:
            self.drop()

    def _kept_while_away(self, text: str) -> bool:
        with self._keeping:  # or the thread might have ended between the two
            if self._is_away:
                self._keep(text)
                if len(self._backlog) == BACKLOG_MAX:
                    self._set_full(True)
        return self._is_away

    def _set_full(self, is_full: bool) -> None:
        if is_full != self.is_full:
            self.is_full = is_full
            self.listen(not is_full)

    def _flush(self) -> None:
        while self._backlog and not self._is_away:
            self._write_backlog()

    def _write_backlog(self) -> bool:
        return self._write([self._backlog.popleft() for _ in range(min(len(self._backlog), FLUSH_MAX))])

    def _write(self, texts: list[str]) -> bool:
        """Hand events to Redis, or back to the backlog, before what is there."""
        try:
            self._connection.write(texts)
        except redis.RedisError:
            self._give_up()
            return False
        except BaseException:  # a time limit of the task, in the middle of it
            self._give_up()
            raise
        if self._tender is None and self._connection.waits:
            self._tend_soon()
        return True

    def _give_up(self) -> None:
        unanswered = self._connection.drop()
        with self._keeping:
            if (too_many := len(unanswered) + len(self._backlog) - BACKLOG_MAX) > 0:
                self._dropped += too_many
                self.gap.note()
            self._backlog.extendleft(reversed(unanswered))  # the newest fall out at the other end
            self._is_away = True
        self._tend_soon()

    def _tend_soon(self) -> None:
        if self._tender is None:
            self._tender = threading.Thread(target=self._tend, name="celeriac-events", daemon=True)
            self._tender.start()

    def _tend(self) -> None:
        """The thread's work while anything is not answered or not written; the next starts another."""
        while True:
            if self._is_away:
                self._try_till_back()
            time.sleep(RETRY_SECONDS)
            with self._lock:
                try:
                    self._connection.look()
                except redis.RedisError:
                    self._give_up()
                if not self._connection.waits and not self._is_away:
                    self._tender = None
                    return

    def _try_till_back(self) -> None:
        logger.warning("Redis does not answer; events wait in memory")
        while self._is_away:
            time.sleep(RETRY_SECONDS)
            with self._lock:
                while self._backlog and self._write_backlog():
                    pass
            with self._keeping:
                self._is_away = bool(self._backlog)
                if not self._is_away:
                    self._set_full(False)
        if self._dropped:
            words = "at least %d events were lost: no more than %d wait in memory"
            logger.error(words, self._dropped, BACKLOG_MAX)
            self._dropped = 0


def _call(method: "weakref.WeakMethod[Callable[[], None]]") -> None:
    if (alive := method()) is not None:
        alive()


def to_json(value: Any) -> str:
    """Any Python value as strict JSON: dates as ISO 8601, NaN and infinities as words, others as text."""
    if type(value) is str:
        return encode_basestring(value)
    try:
        return _ENCODER.encode(value)
    except (ValueError, TypeError, RecursionError):
        return json.dumps(_strict(value), separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def _plain(value: Any) -> Any:
    if isinstance(value, datetime | date | clock_time):
        return value.isoformat()
    if isinstance(value, timedelta):
        return value.total_seconds()
    if isinstance(value, set | frozenset | tuple):
        return list(value)
    if isinstance(value, bytes):
        return value.decode("utf-8", "backslashreplace")
    if hasattr(value, "model_dump"):
        return value.model_dump(mode="json")
    return str(value)


# Made once: making one takes as long as writing a short text.
_ENCODER = json.JSONEncoder(default=_plain, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def _strict(value: Any, depth: int = 0) -> Any:
    """The same value with what JSON has no word for replaced; deep or circular parts become their repr."""
    if isinstance(value, float) and not math.isfinite(value):
        return "NaN" if math.isnan(value) else ("Infinity" if value > 0 else "-Infinity")
    if value is None or isinstance(value, str | int | float | bool):
        return value
    if depth > 50:
        return "…"
    if isinstance(value, Mapping):
        return {str(key): _strict(item, depth + 1) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_strict(item, depth + 1) for item in value]
    return _strict(_plain(value), depth + 1)
