"""Clients that send slowly, or nothing, keep nobody else waiting; and gunicorn answers as it always does."""

import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
import requests

PROJECT = Path(__file__).resolve().parent.parent.parent
CONFIGURATION = PROJECT / "app" / "web" / "gunicorn.py"
SMALL_APP = """
import gc
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


@app.get("/collects")
def collects():
    return str(gc.isenabled())


@app.route("/", methods=["GET", "POST"])
def index():
    return f"{request.method} {len(request.get_data())} {request.scheme} {request.script_root}"
"""
GET, POST, PUT = (line + b" HTTP/1.1\r\nHost: a\r\n" for line in (b"GET /", b"POST /", b"PUT /up?path=x"))
ANSWER_SECONDS = 30.0
MANY = 24  # there are eight threads
PATIENT_SECONDS = (600.0, 600.0)
HASTY_SECONDS = (1.2, 1.8)  # for the headers and for the body
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


def configured(folder: Path, headers_seconds: float, body_seconds: float) -> str:
    """The file of gunicorn's configuration, with other times."""
    times = f"\nHEADERS_SECONDS, BODY_SECONDS = {headers_seconds}, {body_seconds}\n"
    (folder / "times.py").write_text(CONFIGURATION.read_text() + times)
    return str(folder / "times.py")


def gunicorn(
    folder: Path, headers_seconds: float, body_seconds: float
) -> Iterator[tuple[int, subprocess.Popen[bytes]]]:
    """A small app behind gunicorn as it is configured, but for these times; its port and first process."""
    port = free_port()
    (folder / "small.py").write_text(SMALL_APP)
    times = configured(folder, headers_seconds, body_seconds)
    command = [sys.executable, "-m", "gunicorn", "-c", times, "small:app", "--no-control-socket"]
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            [*command, "--bind", f"127.0.0.1:{port}"], cwd=folder, stdout=log, stderr=subprocess.STDOUT
        )
    _wait_for(port)
    yield port, process
    process.terminate()
    assert process.wait(60) == 0
    assert "Traceback" not in (folder / "log").read_text()


@pytest.fixture(scope="module")
def arbiter(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[int, subprocess.Popen[bytes]]]:
    """One that waits for slow clients much longer than any test waits for an answer."""
    yield from gunicorn(tmp_path_factory.mktemp("small"), *PATIENT_SECONDS)


@pytest.fixture(scope="module")
def small(arbiter: tuple[int, Any]) -> int:
    return arbiter[0]


@pytest.fixture(scope="module")
def hasty(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """The port of one that waits for little more than a second."""
    for port, _ in gunicorn(tmp_path_factory.mktemp("hasty"), *HASTY_SECONDS):
        yield port


def _wait_for(port: int) -> None:
    deadline = time.monotonic() + 60
    while True:
        try:
            socket.create_connection(("127.0.0.1", port)).close()
            return
        except OSError:
            assert time.monotonic() < deadline
            time.sleep(0.1)


def answer_of(port: int, sent: bytes) -> bytes:
    """Everything that comes back until the connection ends."""
    with socket.create_connection(("127.0.0.1", port), timeout=ANSWER_SECONDS) as client:
        client.sendall(sent)
        found = b""
        while piece := client.recv(65_536):
            found += piece
        return found


def answers(port: int, path: str = "/") -> bool:
    """Whether it answers at all; who is kept waiting by a slow client would not be told in time."""
    with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=ANSWER_SECONDS) as answer:
        return bool(answer.status == 200)


def test_garbage_is_collected_when_the_app_is_there(small: int) -> None:
    assert b"\r\n\r\nTrue" in answer_of(small, b"GET /collects HTTP/1.0\r\n\r\n")


@pytest.mark.parametrize("kind", SLOW)
def test_many_slow_connections_keep_nobody_waiting(small: int, kind: str) -> None:
    start, drop = SLOW[kind]
    clients = [socket.create_connection(("127.0.0.1", small)) for _ in range(MANY)]
    try:
        for client in clients:
            client.sendall(start)
        for _ in range(3):
            for client in clients:
                _send(client, drop)
            assert answers(small)
    finally:
        for client in clients:
            client.close()


def _send(client: socket.socket, drop: bytes) -> None:
    try:
        client.sendall(drop)
    except OSError:  # it was ended meanwhile, as it should
        return


@pytest.mark.parametrize("kind", ["nothing", "headers", "body", "chunks"])
def test_what_does_not_come_in_time_is_hung_up_on(hasty: int, kind: str) -> None:
    start, drop = SLOW[kind]
    limit = HASTY_SECONDS[kind in ("body", "chunks")]
    started = time.monotonic()
    with socket.create_connection(("127.0.0.1", hasty)) as client:
        client.sendall(start)
        client.settimeout(0.2)
        while True:
            _send(client, drop)
            try:
                assert client.recv(1000) == b""
                break
            except TimeoutError:
                assert time.monotonic() - started < ANSWER_SECONDS
            except ConnectionResetError:
                break
    assert time.monotonic() - started >= limit - 0.1


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
    with socket.create_connection(("127.0.0.1", small), timeout=ANSWER_SECONDS) as client:
        client.sendall(PUT + asks)
        assert client.recv(1000) == b"HTTP/1.1 100 Continue\r\n\r\n"
        client.sendall(b"12345")
        assert client.recv(1000).startswith(b"HTTP/1.1 200 ")


@pytest.mark.parametrize(
    "sent",
    [PUT + b"Content-Length: 5\r\n\r\n12345", POST + b"Content-Length: 1001\r\n\r\n" + BODY],
)
def test_the_last_answer_of_a_connection_says_so(small: int, sent: bytes) -> None:
    head, _empty, _body = answer_of(small, sent).partition(b"\r\n\r\n")
    assert b"connection: close" in head.lower()


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
    with socket.create_connection(("127.0.0.1", small), timeout=ANSWER_SECONDS) as client:
        client.sendall(POST + b"Content-Length: 3\r\nExpect: 100-continue\r\nConnection: close\r\n\r\n")
        assert client.recv(1000).startswith(b"HTTP/1.1 100 ")
        client.sendall(b"abc")
        found = b""
        while piece := client.recv(1000):
            found += piece
    assert b"POST 3" in found


@pytest.mark.parametrize("sent", [SLOW["chunks"][0] + b"zz\r\n", SLOW["one header"][0] + b"x" * 70_000])
def test_what_makes_no_sense_is_hung_up_on(small: int, sent: bytes) -> None:
    assert answer_of(small, sent) == b""


def test_when_there_are_too_many_connections_the_oldest_silent_one_makes_room(small: int) -> None:
    clients = [socket.create_connection(("127.0.0.1", small)) for _ in range(620)]
    try:
        assert answers(small)
        clients[0].settimeout(ANSWER_SECONDS)
        assert clients[0].recv(1) == b""
    finally:
        for client in clients:
            client.close()


def test_a_request_that_is_on_its_way_is_answered_while_the_process_is_replaced(
    arbiter: tuple[int, subprocess.Popen[bytes]],
) -> None:
    port, process = arbiter
    first = psutil.Process(process.pid)
    with requests.Session() as session:
        before = {child.pid for child in first.children()}
        process.send_signal(signal.SIGHUP)
        deadline = time.monotonic() + 60
        while not before.isdisjoint(child.pid for child in first.children()):
            assert time.monotonic() < deadline
            assert session.get(f"http://127.0.0.1:{port}/", timeout=ANSWER_SECONDS).status_code == 200
            time.sleep(0.01)
        assert session.get(f"http://127.0.0.1:{port}/", timeout=ANSWER_SECONDS).status_code == 200


def test_the_web_process_itself(processes: Any, tmp_path: Path) -> None:
    port = free_port()
    web = [
        "gunicorn",
        "-c",
        configured(tmp_path, *PATIENT_SECONDS),
        "wsgi:app",
        "--bind",
        f"127.0.0.1:{port}",
    ]
    processes.start("web", *web, "--no-control-socket")
    _wait_for(port)
    assert answers(port, "/livez")
    clients = [socket.create_connection(("127.0.0.1", port)) for _ in range(MANY)]
    for number, client in enumerate(clients):
        client.sendall(SLOW["headers" if number % 2 else "body"][0])
    assert answers(port, "/login")
    for client in clients:
        client.close()
