"""When an HTTP exchange must be over, whatever the server does meanwhile."""

import contextlib
import socket
import threading
import time


class Deadline:
    """Ends every connection it watches when its time has come.

    A socket's own timeout starts again with every byte, so a server that drips could hold a task for as long
    as it likes. Used as a context: at its end nothing is watched any more.
    """

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self._until = time.monotonic() + seconds
        self._lock = threading.Lock()
        self._watched: list[socket.socket] = []
        self._timer = threading.Timer(seconds, self._end)
        self._timer.daemon = True

    def __enter__(self) -> "Deadline":
        self._timer.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._timer.cancel()
        with self._lock:
            while self._watched:
                self._watched.pop().close()

    @property
    def passed(self) -> bool:
        return time.monotonic() >= self._until

    def left(self) -> float:
        """The seconds that are left; raises `TimeoutError` when there are none."""
        if self.passed:
            raise TimeoutError("the time is over")
        return self._until - time.monotonic()

    def watch(self, connection: socket.socket) -> socket.socket:
        """The connection, which now ends with the time.

        A second handle of it is kept: TLS takes the first one away and must not be meddled with.
        """
        with self._lock:
            self._watched.append(connection.dup())
        if self.passed:
            self._end()
        return connection

    def _end(self) -> None:
        with self._lock:
            for connection in self._watched:
                with contextlib.suppress(OSError):  # the other side was faster
                    connection.shutdown(socket.SHUT_RDWR)
