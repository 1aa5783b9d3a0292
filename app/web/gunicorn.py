"""How gunicorn serves the pages: `gunicorn -c app/web/gunicorn.py wsgi:app`, as `bin/dev` does.

A thread is given a request only when all of it has come in. Until then its bytes are gathered by the one loop
that watches every connection, so a client that sends slowly, or nothing, holds a connection and no thread.

Uploads of files (`app.web.uploads`) are too long for that. A thread has one as soon as its headers are there,
looks who sends it, and then reads on: one of a few that do nothing else, so that pages never wait for them.
"""

import contextlib
import gc
import selectors
import socket
import time
from collections.abc import Container
from concurrent import futures
from functools import partial
from typing import Any

from gunicorn.workers.gthread import TConn, ThreadWorker  # type: ignore[import-untyped]

HEADERS_SECONDS = 10.0
BODY_SECONDS = 60.0
SENDING_SECONDS = 30.0
LEAVING_SECONDS = 2.0
UPLOADS_LEAVING_SECONDS = 4.0
HEADERS_MAX_BYTES = 65_536
WAITING_MAX_BYTES = 64 * 2**20  # of all unfinished requests together
PIECE_BYTES = 65_536
UPLOADS_AT_ONCE = 4  # of one process; more wait, with what they send still on their side

threads = 8
worker_connections = 600  # fewer than the 1024 files that a process may usually open
keepalive = 5
raw_env = ["CELERIAC_WHOLE_REQUESTS=1"]  # wsgi.py warns where this file is not in force
# What a proxy says counts only as CELERIAC_TRUSTED_PROXIES has it, never for gunicorn itself.
forwarder_headers = ""
secure_scheme_headers: dict[str, str] = {}

# What is known of a request so far: it is whole; a thread can refuse it, and then the connection ends; a
# thread reads the rest of it; or nobody can make sense of it. None: more has to come in.
WHOLE, TOO_LONG, STREAMED, BROKEN = "whole", "too long", "streamed", "broken"


class Incoming:
    """The bytes of one request as they come in."""

    def __init__(self, begun: bytes, now: float) -> None:
        self.content = bytearray(begun)
        self.until = now + HEADERS_SECONDS
        self.waits = False  # for being told to send the body (Expect: 100-continue)
        self._body_at = 0  # 0: the headers are not complete
        self._length: int | None = None  # of the body; None: it comes in chunks
        self._chunk_at = 0

    def judge(self, max_bytes: int, now: float, streamed: Container[tuple[str, str]] = ()) -> str | None:
        """What is known of it; `max_bytes` is the longest body that is taken.

        `streamed` has method and path of the requests whose bodies are read by a thread.
        """
        if not self._body_at and not self._find_body(now):
            return BROKEN if len(self.content) > HEADERS_MAX_BYTES else None
        if self._asks() in streamed:
            return STREAMED
        if self._length is None:
            return self._judge_chunks(max_bytes)
        if self._length > max_bytes:
            return TOO_LONG
        return WHOLE if len(self.content) - self._body_at >= self._length else None

    def _find_body(self, now: float) -> bool:
        end = self.content.find(b"\r\n\r\n")
        if end < 0:
            return False
        self._body_at = self._chunk_at = end + 4
        self._length = 0
        self.until = now + BODY_SECONDS
        for line in bytes(self.content[:end]).lower().split(b"\r\n")[1:]:
            name, _colon, value = (part.strip() for part in line.partition(b":"))
            if name == b"transfer-encoding":
                self._length = None
            elif name == b"content-length" and value.isdigit() and self._length is not None:
                self._length = int(value[:20])
            elif name == b"expect" and value == b"100-continue":
                self.waits = True
        return True

    def _asks(self) -> tuple[str, str]:
        method, _space, target = bytes(self.content[: self.content.find(b"\r\n")]).partition(b" ")
        path = target.partition(b" ")[0].partition(b"?")[0]
        return method.decode("latin-1"), path.decode("latin-1")

    def _judge_chunks(self, max_bytes: int) -> str | None:
        while len(self.content) - self._body_at <= max_bytes:
            end = self.content.find(b"\r\n", self._chunk_at)
            if end < 0:
                return None
            try:
                size = int(bytes(self.content[self._chunk_at : end]).partition(b";")[0], 16)
            except ValueError:
                return BROKEN
            if size == 0:  # trailers may follow
                return WHOLE if self.content.find(b"\r\n\r\n", end) >= 0 else None
            after = end + 2 + size + 2
            if len(self.content) < after:
                return None
            self._chunk_at = after
        self._give_length(max_bytes + 1)
        return TOO_LONG

    def _give_length(self, length: int) -> None:
        """Say how long it is at least, in place of the chunks: it is refused as any that is too long."""
        lines = bytes(self.content[: self._body_at - 4]).split(b"\r\n")
        kept = [line for line in lines if not line.lower().startswith(b"transfer-encoding")]
        self.content = bytearray(b"\r\n".join([*kept, b"Content-Length: %d" % length]) + b"\r\n\r\n")


class Connection(TConn):  # type: ignore[misc]  # gunicorn ships no types
    """A connection whose requests are read by the worker's loop; a thread only writes to it."""

    incoming: Incoming | None = None
    ends = False  # after the next answer: where the request after it would begin is not known
    streams = False  # the body of its request is read by the thread

    def init(self) -> None:
        """Called by the thread before each request: let gunicorn's parser find it, and nothing after it."""
        super().init()
        self.sock.settimeout(SENDING_SECONDS)
        if not self.cfg.is_ssl and self.incoming is not None:
            vars(self.parser.unreader).pop("chunk", None)
            if not self.streams:
                self.parser.unreader.chunk = lambda size_hint=None: b""
            self.parser.unreader.unread(bytes(self.incoming.content))
            self.incoming = None


class AskedFor:
    """A body that its client sends when it is told to, which is when somebody begins to read it."""

    def __init__(self, body: Any, client: socket.socket) -> None:
        self._body, self._client, self._told = body, client, False

    def read(self, size: int | None = None) -> bytes:
        if not self._told:
            self._client.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
            self._told = True
        return bytes(self._body.read(size))


class Worker(ThreadWorker):  # type: ignore[misc]  # gunicorn ships no types
    """gunicorn's threaded worker, with the loop above in front of its threads."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._receiving: list[Connection] = []  # the oldest first
        self._leaving: dict[socket.socket, float] = {}
        self._uploads: set[Connection] = set()
        self._uploads_until = 0.0  # when those that are left are cut off; 0 while nobody stops us
        self._uploaders = futures.ThreadPoolExecutor(UPLOADS_AT_ONCE, "upload")

    def accept(self, listener: socket.socket) -> None:
        """Take a connection; when there are too many, the oldest that has not said all makes room for it."""
        try:
            client, address = listener.accept()
        except (BlockingIOError, ConnectionAbortedError):
            return
        self.nr_conns += 1
        self.enqueue_req(Connection(self.cfg, client, address, listener.getsockname()))
        if self.nr_conns >= self.worker_connections and self._receiving:
            self._drop(self._receiving[0])

    def enqueue_req(self, conn: Connection) -> None:
        """Gather what a connection says, until it can be given to a thread."""
        if self.cfg.is_ssl:  # TLS has its own way of reading; a proxy in front does it better
            super().enqueue_req(conn)
            return
        begun = conn.parser.unreader.take_buffered() if conn.parser else b""
        conn.incoming = Incoming(begun, time.monotonic())
        conn.sock.setblocking(False)
        self._receiving.append(conn)
        self.poller.register(conn.sock, selectors.EVENT_READ, partial(self._receive, conn))
        if begun:
            self._judge(conn, conn.incoming)

    def _receive(self, conn: Connection, client: socket.socket) -> None:
        incoming = conn.incoming
        try:
            piece = client.recv(PIECE_BYTES)
        except BlockingIOError:
            return
        except OSError:
            piece = b""
        if not piece or incoming is None:
            self._drop(conn)
            return
        incoming.content += piece
        self._judge(conn, incoming)

    def _judge(self, conn: Connection, incoming: Incoming) -> None:
        config = self.wsgi.config
        streamed = config.get("STREAMED", ())
        known = incoming.judge(config["MAX_CONTENT_LENGTH"], time.monotonic(), streamed)
        if known == BROKEN:
            self._drop(conn)
        elif known:
            self._forget(conn)
            conn.streams = known == STREAMED
            conn.ends = known in (TOO_LONG, STREAMED)
            conn.data_ready = True
            self._give_to_thread(conn)
        elif incoming.waits:
            incoming.waits = False
            with contextlib.suppress(OSError):  # it will not send the body then, and run out of time
                conn.sock.send(b"HTTP/1.1 100 Continue\r\n\r\n")

    def _give_to_thread(self, conn: Connection) -> None:
        if not conn.streams:
            super().enqueue_req(conn)
            return
        self._uploads.add(conn)
        done = self._uploaders.submit(self.handle, conn)
        done.add_done_callback(lambda result: self.method_queue.defer(self.finish_request, conn, result))

    def handle_request(self, req: Any, conn: Connection) -> bool:
        """As gunicorn's, but an upload is asked for by who reads it and not before.

        The last answer of a connection says so, or its client would send the next request into its end.
        """
        if conn.ends:
            req.force_close()
        if conn.streams and req._expected_100_continue:
            req._expected_100_continue = False
            req.body = AskedFor(req.body, conn.sock)
        return bool(super().handle_request(req, conn))

    def _forget(self, conn: Connection) -> None:
        self._receiving.remove(conn)
        self.poller.unregister(conn.sock)

    def _drop(self, conn: Connection) -> None:
        self._forget(conn)
        self.nr_conns -= 1
        conn.close()

    def murder_pending(self) -> None:
        """Called once a second, also while stopping: end what takes too long, or too much memory."""
        super().murder_pending()
        now = time.monotonic()
        waiting = [(conn, conn.incoming) for conn in self._receiving if conn.incoming]
        memory = sum(len(incoming.content) for _conn, incoming in waiting)
        for conn, incoming in waiting:
            if not self.alive:  # what is on its way is still answered
                incoming.until = min(incoming.until, now + LEAVING_SECONDS)
            if incoming.until <= now or memory > WAITING_MAX_BYTES:
                memory -= len(incoming.content)
                self._drop(conn)
        if not self.alive:
            self._cut_uploads(now)
        for client in [client for client, until in self._leaving.items() if until <= now]:
            self._gone(client)

    def _cut_uploads(self, now: float) -> None:
        """A stopping process leaves uploads some seconds; then their threads find them ended."""
        self._uploads_until = self._uploads_until or now + UPLOADS_LEAVING_SECONDS
        if now >= self._uploads_until:
            for conn in self._uploads:
                with contextlib.suppress(OSError):
                    conn.sock.shutdown(socket.SHUT_RD)

    def finish_request(self, conn: Connection, fs: Any) -> None:
        """As gunicorn's, but the loop does not wait for a client that keeps an ended connection open."""
        self._uploads.discard(conn)
        goes_on = not fs.cancelled() and not fs.exception() and fs.result()
        if self.cfg.is_ssl or goes_on:
            super().finish_request(conn, fs)
            return
        self.nr_conns -= 1
        try:
            conn.sock.shutdown(socket.SHUT_WR)
            conn.sock.setblocking(False)
            self.poller.register(conn.sock, selectors.EVENT_READ, self._drain)
        except (OSError, ValueError):  # it is closed already
            conn.close()
            return
        self._leaving[conn.sock] = time.monotonic() + LEAVING_SECONDS

    def _drain(self, client: socket.socket) -> None:
        """Take what an ended connection still sends: closed with bytes unread, its answer would be lost."""
        with contextlib.suppress(ConnectionError, TimeoutError):  # it has hung up, which is what we wait for
            try:
                if client.recv(PIECE_BYTES):
                    return
            except BlockingIOError:
                return
        self._gone(client)

    def _gone(self, client: socket.socket) -> None:
        del self._leaving[client]
        self.poller.unregister(client)
        client.close()


def post_fork(server: object, worker: object) -> None:
    """For gunicorn, in each new worker: what it imports now stays, and is not looked through meanwhile."""
    gc.disable()


def post_worker_init(worker: object) -> None:
    """For gunicorn, in each worker that has the app, also one that was loaded before the fork."""
    gc.enable()


worker_class = Worker
