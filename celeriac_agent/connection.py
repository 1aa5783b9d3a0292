"""A connection to the Redis of the stream that does not wait for the answer to each event.

Redis has taken an event only when it says so. What it has not answered yet is kept, to be written again over
another connection when this one breaks.
"""

import re
import ssl
import time
from collections import deque
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

import redis

from celeriac_agent import redis_urls

CONNECT_SECONDS = 2
ANSWER_SECONDS = 5
WAITS_AFTER_SECONDS = 0.05  # who has waited longer for an answer, or writes seldom, waits for it
UNANSWERED_MAX = 256
CLOCK_EVERY_SECONDS = 60.0
CLOCK_LEAST_SECONDS = 0.1  # less may be the way there and back
READ_BYTES = 65536
# Among answers in this protocol stands nothing that the server says by itself; older redis-py knows no other.
_PROTOCOL = {"protocol": 2} if int(redis.__version__.split(".")[0]) >= 5 else {}

_TAKEN = re.compile(rb"\$\d+\r\n\d+-\d+\r\n")  # the id that Redis gave to an event
_BEGINS = re.compile(rb"(?:\$(?:\d+(?:\r(?:\n(?:\d+(?:-(?:\d+(?:\r)?)?)?)?)?)?)?)?\Z")
_NOTHING_YET = (BlockingIOError, ssl.SSLWantReadError)


class Connection:
    """One of one process; not to be used by two threads at once. Raises `redis.RedisError`.

    With `says_clock` each event says by how many seconds this clock is ahead of that of Redis, if it is.
    """

    def __init__(self, url: str, stream: str, max_events: int, says_clock: bool) -> None:
        self._url = url
        self._says_clock = says_clock
        self._ready_until = float("-inf")  # then it connects, or reads the clock
        self._ahead = ""
        self._pool: Any = None
        self._made: Any = None
        self._socket: Any = None
        self._read = b""
        self._unanswered: deque[tuple[float, str]] = deque()
        self._last = 0.0
        head = ("XADD", stream, "MAXLEN", "~", str(max_events), "*", "e")
        words = "".join(f"${len(word)}\r\n{word}\r\n" for word in head)
        self._head = f"*{len(head) + 1}\r\n{words}$".encode()

    def write(self, texts: Sequence[str]) -> None:
        """Write events. Whoever writes seldom, or to a Redis that is slow, waits for the answer."""
        now = time.monotonic()
        waits = now - self._last > WAITS_AFTER_SECONDS
        self._last = now
        try:
            if now > self._ready_until:
                self._make_ready(now)
        finally:
            for text in texts:
                self._unanswered.append((now, text))
        try:
            self._socket.sendall(b"".join([self._packed(text) for text in texts]))
        except (OSError, ssl.SSLError) as error:
            raise redis.ConnectionError(f"{type(error).__name__} while writing") from error
        if waits:
            self.settle()
        elif now - self._unanswered[0][0] > WAITS_AFTER_SECONDS or len(self._unanswered) > UNANSWERED_MAX:
            self.look()
            if self._unanswered and now - self._unanswered[0][0] > WAITS_AFTER_SECONDS:
                self.settle()

    def settle(self) -> None:
        """Wait until everything is answered."""
        while self._unanswered:
            self._receive()

    def look(self) -> None:
        """Read the answers that have come. An event that has waited too long for its own is an error."""
        if not self._unanswered:
            return
        self._socket.settimeout(0)
        try:
            self._receive()
        except BlockingIOError:
            if time.monotonic() - self._unanswered[0][0] > ANSWER_SECONDS:
                raise redis.TimeoutError("Redis does not answer") from None
        finally:
            self._socket.settimeout(ANSWER_SECONDS)

    @property
    def waits(self) -> bool:
        """Whether anything is not answered yet."""
        return bool(self._unanswered)

    def drop(self) -> list[str]:
        """Give the connection up; returns what is to be written again."""
        if self._made is not None:
            self._made.disconnect()
        self._made = self._socket = None
        self._ready_until = float("-inf")
        self._read = b""
        unanswered = [text for _, text in self._unanswered]
        self._unanswered.clear()
        return unanswered

    def _make_ready(self, now: float) -> None:
        if self._socket is None:
            self._connect()
        if self._says_clock:
            self.settle()
            self._read_clock()
        self._ready_until = now + CLOCK_EVERY_SECONDS

    def _connect(self) -> None:
        limits = {"socket_timeout": ANSWER_SECONDS, "socket_connect_timeout": CONNECT_SECONDS}
        client = redis_urls.client(self._url, **limits, **_PROTOCOL)
        self._pool = client.connection_pool  # kept: Sentinel's wants it
        self._made = self._pool.make_connection()
        self._made.connect()
        self._socket = self._made._sock

    def _read_clock(self) -> None:
        self._made.send_command("TIME")
        self._ahead = ""
        with suppress(redis.ResponseError):  # who may only write
            seconds, micros = self._made.read_response()
            ahead = time.time() - float(seconds) - float(micros) / 1e6
            if abs(ahead) > CLOCK_LEAST_SECONDS:
                self._ahead = f',"clock":{ahead:.3f}}}'

    def _packed(self, text: str) -> bytes:
        data = (text[:-1] + self._ahead if self._ahead else text).encode("utf-8", "backslashreplace")
        return b"%b%d\r\n%b\r\n" % (self._head, len(data), data)

    def _receive(self) -> None:
        """Read once, and strike off what is answered."""
        try:
            data = self._socket.recv(READ_BYTES)
        except _NOTHING_YET:
            raise BlockingIOError from None
        except (OSError, ssl.SSLError) as error:
            raise redis.ConnectionError(f"{type(error).__name__} while reading") from error
        if not data:
            raise redis.ConnectionError("Redis has closed the connection")
        self._read, taken = _TAKEN.subn(b"", self._read + data)
        for _ in range(min(taken, len(self._unanswered))):
            self._unanswered.popleft()
        if not _BEGINS.match(self._read):
            raise redis.ResponseError(self._read[:200].decode("utf-8", "replace").strip())
