"""Clients that send slowly, or nothing, keep nobody else waiting; and gunicorn answers as it always does."""

import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

PROJECT = Path(__file__).resolve().parent.parent.parent
CONFIGURATION = PROJECT / "app" / "web" / "gunicorn.py"
SMALL_APP = """
from flask import Flask, request

app = Flask(__name__)
app.config["MAX_CONTENT_LENGTH"] = 1000
app.config["STREAMED"] = {("PUT", "/up")}


@app.put("/up")
def up():
    if "refuse" in request.args:
        return "no", 413
    request.max_content_length = 2**62
    total = 0
    while piece := request.stream.read(1000):
        total += len(piece)
    return f"took {total}"


@app.route("/", methods=["GET", "POST"])
def index():
    return f"{request.method} {len(request.get_data())} {request.scheme} {request.script_root}"
"""
GET, POST, PUT = (line + b" HTTP/1.1\r\nHost: a\r\n" for line in (b"GET /", b"POST /", b"PUT /up?path=x"))
# What a slow client sends at once, and then again and again.
SLOW = {
    "nothing": (b"", b""),
    "headers": (GET + b"", b"X-Drip: 1\r\n"),
    "one header": (GET + b"X-Long: ", b"x"),
    "body": (POST + b"Content-Length: 900\r\n\r\n", b"x"),
    "chunks": (POST + b"Transfer-Encoding: chunked\r\n\r\n", b"1\r\nx\r\n"),
    "expects": (POST + b"Content-Length: 9\r\nExpect: 100-continue\r\n\r\n", b""),
    "too long": (POST + b"Content-Length: 90000\r\n\r\n", b"x"),
    "upload": (PUT + b"Content-Length: 90000\r\n\r\n", b"x"),
    "answered": (GET + b"Connection: close\r\n\r\n", b""),
}


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture(scope="module")
def small() -> int:
    """The port of a small app behind gunicorn."""
    return free_port()


@pytest.fixture(scope="module", autouse=True)
def arbiter(small: int, tmp_path_factory: pytest.TempPathFactory) -> Iterator[subprocess.Popen[bytes]]:
    """gunicorn's first process, as it is configured, with shorter times."""
    folder, port = tmp_path_factory.mktemp("small"), small
    (folder / "small.py").write_text(SMALL_APP)
    quick = CONFIGURATION.read_text() + "\nHEADERS_SECONDS, BODY_SECONDS = 4.0, 6.0\n"
    (folder / "quick.py").write_text(quick)
    command = [sys.executable, "-m", "gunicorn", "-c", "quick.py", "small:app", "--no-control-socket"]
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            [*command, "--bind", f"127.0.0.1:{port}"], cwd=folder, stdout=log, stderr=subprocess.STDOUT
        )
    _wait_for(port)
    yield process
    process.terminate()
    assert process.wait(20) == 0
    assert "Traceback" not in (folder / "log").read_text()


def _wait_for(port: int) -> None:
    deadline = time.monotonic() + 60
    while True:
        try:
            socket.create_connection(("127.0.0.1", port)).close()
            return
        except OSError:
            assert time.monotonic() < deadline
            time.sleep(0.1)


def answer_of(port: int, sent: bytes, seconds: float = 10.0) -> bytes:
    """Everything that comes back until the connection ends."""
    with socket.create_connection(("127.0.0.1", port), timeout=seconds) as client:
        client.sendall(sent)
        found = b""
        while piece := client.recv(65_536):
            found += piece
        return found


def seconds_for(port: int, path: str = "/") -> float:
    started = time.monotonic()
    with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=20) as answer:
        assert answer.status == 200
    return time.monotonic() - started


@pytest.mark.parametrize("kind", SLOW)
def test_fifty_slow_connections_keep_nobody_waiting(small: int, kind: str) -> None:
    start, drop = SLOW[kind]
    clients = [socket.create_connection(("127.0.0.1", small)) for _ in range(50)]
    try:
        for client in clients:
            client.sendall(start)
        taken = []
        for _ in range(5):
            for client in clients:
                _send(client, drop)
            taken.append(seconds_for(small))
            time.sleep(0.1)
        assert max(taken) < 2.0
    finally:
        for client in clients:
            client.close()


def _send(client: socket.socket, drop: bytes) -> None:
    try:
        client.sendall(drop)
    except OSError:  # it was ended meanwhile, as it should
        return


@pytest.mark.parametrize(("kind", "limit"), [("nothing", 4), ("headers", 4), ("body", 6), ("chunks", 6)])
def test_what_does_not_come_in_time_is_hung_up_on(small: int, kind: str, limit: float) -> None:
    start, drop = SLOW[kind]
    started = time.monotonic()
    with socket.create_connection(("127.0.0.1", small), timeout=20) as client:
        client.sendall(start)
        client.settimeout(0.3)
        while True:
            _send(client, drop)
            try:
                assert client.recv(1000) == b""
                break
            except TimeoutError:
                assert time.monotonic() - started < limit + 10
            except ConnectionResetError:
                break
    assert time.monotonic() - started >= limit - 0.5


BODY = b"x" * 1000
LONG = BODY * 3000


@pytest.mark.parametrize(
    "body",
    [
        b"Content-Length: 3000000\r\n\r\n" + LONG,
        b"Transfer-Encoding: chunked\r\n\r\n" + (b"186A0\r\n" + BODY * 100 + b"\r\n") * 30 + b"0\r\n\r\n",
    ],
)
def test_an_upload_is_read_by_its_thread_however_long_it_is(small: int, body: bytes) -> None:
    assert answer_of(small, PUT + body).endswith(b"took 3000000")


def test_an_upload_is_not_asked_for_before_somebody_reads_it(small: int) -> None:
    asks = b"Content-Length: 5\r\nExpect: 100-continue\r\n\r\n"
    assert b" 100 " not in answer_of(small, PUT.replace(b"path=x", b"refuse") + asks)
    with socket.create_connection(("127.0.0.1", small), timeout=10) as client:
        client.sendall(PUT + asks)
        assert client.recv(1000) == b"HTTP/1.1 100 Continue\r\n\r\n"
        client.sendall(b"12345")
        assert client.recv(1000).startswith(b"HTTP/1.1 200 ")


def test_a_refused_upload_gets_its_answer_though_it_goes_on(small: int) -> None:
    refused = PUT.replace(b"path=x", b"refuse") + b"Content-Length: 3000000\r\n\r\n" + LONG
    assert answer_of(small, refused).startswith(b"HTTP/1.1 413 ")


@pytest.mark.parametrize(
    ("sent", "status", "words"),
    [
        (b"GET / HTTP/1.0\r\n\r\n", b"200", b"GET 0 http"),
        (
            POST + b"Content-Length: 1000\r\nConnection: close\r\n\r\n" + BODY,
            b"200",
            b"POST 1000",
        ),
        (
            POST + b"Transfer-Encoding: chunked\r\nConnection: close\r\n\r\n"
            b"5;ext=1\r\n0\r\n\r\n\r\n5\r\nworld\r\n0\r\nX-Sum: x\r\n\r\n",
            b"200",
            b"POST 10",
        ),
        (POST + b"Content-Length: 1001\r\n\r\n" + BODY, b"413", b""),
        (POST + b"Transfer-Encoding: chunked\r\n\r\n800\r\n" + BODY * 3, b"413", b""),
        (POST + b"Content-Length: 1, 2\r\n\r\n", b"400", b""),
        (
            POST + b"Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
            b"400",
            b"",
        ),
        (b"nonsense\r\n\r\n", b"400", b""),
        # who calls from this machine may not say either where the app stands
        (
            GET + b"SCRIPT_NAME: /evil\r\nX-Forwarded-Proto: https\r\nConnection: close\r\n\r\n",
            b"200",
            b"GET 0 http ",
        ),
    ],
)
def test_answers_are_as_ever(small: int, sent: bytes, status: bytes, words: bytes) -> None:
    head, _empty, body = answer_of(small, sent).partition(b"\r\n\r\n")
    assert head.split(b" ", 2)[1] == status
    assert words in body
    assert b"/evil" not in body


def test_requests_on_one_connection_are_answered_in_order(small: int) -> None:
    one = POST + b"Content-Length: 3\r\n\r\nabc"
    last = GET + b"Connection: close\r\n\r\n"
    found = answer_of(small, one * 3 + last)
    assert found.count(b"200 OK") == 4
    assert found.count(b"POST 3") == 3
    assert found.rstrip().endswith(b"GET 0 http")


def test_who_waits_for_being_told_to_go_on_is_told(small: int) -> None:
    with socket.create_connection(("127.0.0.1", small), timeout=10) as client:
        client.sendall(POST + b"Content-Length: 3\r\nExpect: 100-continue\r\nConnection: close\r\n\r\n")
        assert client.recv(1000).startswith(b"HTTP/1.1 100 ")
        client.sendall(b"abc")
        found = b""
        while piece := client.recv(1000):
            found += piece
    assert b"POST 3" in found


@pytest.mark.parametrize("sent", [SLOW["chunks"][0] + b"zz\r\n", SLOW["one header"][0] + b"x" * 70_000])
def test_what_makes_no_sense_is_hung_up_on(small: int, sent: bytes) -> None:
    started = time.monotonic()
    assert answer_of(small, sent) == b""
    assert time.monotonic() - started < 3


def test_when_there_are_too_many_connections_the_oldest_silent_one_makes_room(small: int) -> None:
    clients = [socket.create_connection(("127.0.0.1", small)) for _ in range(620)]
    try:
        assert seconds_for(small) < 2.0
        clients[0].settimeout(5)
        assert clients[0].recv(1) == b""
    finally:
        for client in clients:
            client.close()


def test_a_request_that_is_on_its_way_is_answered_while_the_process_is_replaced(
    small: int, arbiter: subprocess.Popen[bytes]
) -> None:
    with requests.Session() as session:
        for number in range(400):
            if number % 100 == 20:
                arbiter.send_signal(signal.SIGHUP)
            assert session.get(f"http://127.0.0.1:{small}/", timeout=10).status_code == 200
            time.sleep(0.01)


def test_the_web_process_itself(processes: Any, eventually: Callable[..., Any]) -> None:
    port = free_port()
    web = ["gunicorn", "-c", "app/web/gunicorn.py", "wsgi:app", "--bind", f"127.0.0.1:{port}"]
    processes.start("web", *web, "--no-control-socket")
    _wait_for(port)
    seconds_for(port, "/livez")
    clients = [socket.create_connection(("127.0.0.1", port)) for _ in range(50)]
    for number, client in enumerate(clients):
        client.sendall(SLOW["headers" if number % 2 else "body"][0])
    assert max(seconds_for(port, "/login") for _ in range(5)) < 2.0
    for client in clients:
        client.close()
