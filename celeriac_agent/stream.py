"""The durable stream: what processes say about runs, kept in Redis until it is recorded."""

import json
import logging
import math
import os
import threading
import time
from collections import deque
from collections.abc import Mapping
from datetime import date, datetime, timedelta
from datetime import time as clock_time
from typing import Any

import redis

from celeriac_agent import redis_urls

STREAM = "celeriac:events"
VERSION = 1  # of the events; an event without one is of the first
BACKLOG_MAX = 20_000
FLUSH_MAX = 500
RETRY_SECONDS = 0.5
CONNECT_SECONDS = 2
ANSWER_SECONDS = 5
CANCELLED_PREFIX = "celeriac:cancelled:"

logger = logging.getLogger(__name__)


class EventStream:
    """Appends events to the stream; while Redis is away it keeps the newest 20,000, and a thread tries again.

    A task waits for Redis once, when it goes away. One an app; safe to use from threads and after a fork. An
    event may be written twice when a connection breaks at the wrong moment: readers must be idempotent.
    `app` is said in each event; none for Celeriac's own.
    """

    def __init__(self, url: str, max_events: int, app: str = "") -> None:
        self._url = url
        self._mark = encode({"v": VERSION, "app": app})[1:] if app else ""
        self._max_events = max_events
        self._backlog: deque[str] = deque(maxlen=BACKLOG_MAX)
        self._dropped = 0
        self._retrier: threading.Thread | None = None
        self._connected: tuple[int, redis.Redis] | None = None

    @property
    def _client(self) -> redis.Redis:
        """One connection a process, never one inherited over a fork; half the cost of a pool's."""
        if self._connected is None or self._connected[0] != os.getpid():
            made = redis_urls.client(
                self._url,
                socket_timeout=ANSWER_SECONDS,
                socket_connect_timeout=CONNECT_SECONDS,
                single_connection_client=True,
            )
            self._connected = (os.getpid(), made)
        return self._connected[1]

    def emit(self, event: Mapping[str, Any], raw: Mapping[str, str] | None = None) -> None:
        """Write an event now, after what is in the backlog. `raw` holds fields that are JSON already."""
        text = self._encode(event, raw)
        if self._backlog:
            self._keep(text)
            if not self._is_away():
                self.flush()
            return
        try:
            self._client.execute_command(*self._command(text))
        except redis.RedisError:
            self._keep(text)
            self._retry_later()

    def emit_later(self, event: Mapping[str, Any], raw: Mapping[str, str] | None = None) -> None:
        """Keep an event for the next `flush` (the worker's main process flushes on a timer)."""
        self._keep(self._encode(event, raw))

    def is_cancelled(self, run_id: str) -> bool:
        """Whether somebody cancelled the run after a worker had taken it; False while Redis is away."""
        try:
            return bool(self._client.exists(CANCELLED_PREFIX + run_id))
        except redis.RedisError:
            return False

    def flush(self) -> None:
        """Write the backlog; never raises: what cannot be written stays and is tried again."""
        while self._backlog:
            taken = [self._backlog.popleft() for _ in range(min(len(self._backlog), FLUSH_MAX))]
            try:
                pipe = self._client.pipeline(transaction=False)
                for text in taken:
                    pipe.execute_command(*self._command(text))
                pipe.execute()
            except redis.RedisError:
                self._backlog.extendleft(reversed(taken))
                self._retry_later()
                return

    def _encode(self, event: Mapping[str, Any], raw: Mapping[str, str] | None) -> str:
        text = encode(event, raw)
        return f"{text[:-1]},{self._mark}" if self._mark else text

    def _keep(self, text: str) -> None:
        self._dropped += len(self._backlog) == BACKLOG_MAX
        self._backlog.append(text)

    def _is_away(self) -> bool:
        """Whether a thread of this process waits for Redis."""
        return self._retrier is not None and self._retrier.is_alive()

    def _command(self, text: str) -> tuple[Any, ...]:
        return ("XADD", STREAM, "MAXLEN", "~", self._max_events, "*", "e", text)

    def _retry_later(self) -> None:
        if not self._is_away():
            self._retrier = threading.Thread(target=self._retry, name="celeriac-events", daemon=True)
            self._retrier.start()

    def _retry(self) -> None:
        logger.warning("Redis does not answer; events wait in memory")
        while self._backlog:
            time.sleep(RETRY_SECONDS)
            try:
                self._client.ping()
            except redis.RedisError:
                continue
            self.flush()
        self._retrier = None
        self.flush()  # what came since the last look and saw a thread at work
        if self._dropped:
            logger.error("%d events were lost: no more than %d wait in memory", self._dropped, BACKLOG_MAX)
            self._dropped = 0


def encode(event: Mapping[str, Any], raw: Mapping[str, str] | None = None) -> str:
    """The event as one line of JSON; `raw` fields are put in as they are."""
    text = to_json(event)
    for name, value in (raw or {}).items():
        text = f'{text[:-1]},"{name}":{value}}}'
    return text


def to_json(value: Any) -> str:
    """Any Python value as strict JSON: dates as ISO 8601, NaN and infinities as words, others as text."""
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
