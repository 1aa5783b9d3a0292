"""`bin/dev` as a user has it: up, watched, stopped, killed, started again."""

import os
import re
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator
from http.cookiejar import CookieJar
from pathlib import Path
from typing import Any

import psutil
import pytest

from app import embedded_redis
from app.dev import orphans

PROJECT = Path(__file__).resolve().parent.parent.parent


@pytest.fixture
def port(free_port: int) -> int:
    return free_port


@pytest.fixture
def bin_dev(tmp_path: Path, port: int) -> Iterator[Callable[..., tuple[subprocess.Popen[bytes], Path]]]:
    """Starts `bin/dev` on data of its own; gives the process and its log."""
    started: list[subprocess.Popen[bytes]] = []

    def run(**settings: str) -> tuple[subprocess.Popen[bytes], Path]:
        log = tmp_path / f"dev-{len(started)}.log"
        environment = {name: value for name, value in os.environ.items() if not name.startswith("CELERIAC_")}
        environment |= {"PORT": str(port), "CELERIAC_DATA_DIR": str(tmp_path / "data")} | settings
        with log.open("wb") as output:
            process = subprocess.Popen(
                [PROJECT / "bin/dev"],
                env=environment,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        started.append(process)
        return process, log

    yield run
    for process in started:
        if process.poll() is None:
            process.kill()
            process.wait(10)
    orphans.stop(tmp_path / "data")


def text_with(log: Path, words: str, seconds: float = 120.0) -> str:
    deadline = time.monotonic() + seconds
    while words not in (text := log.read_text()):
        assert time.monotonic() < deadline, f"no {words!r} after {seconds} s:\n{text[-3000:]}"
        time.sleep(0.3)
    return text


def get(address: str, jar: CookieJar | None = None, form: bytes | None = None) -> tuple[int, str]:
    opener = urllib.request.build_opener(
        urllib.request.HTTPCookieProcessor(jar if jar is not None else CookieJar())
    )
    try:
        with opener.open(address, form, timeout=20) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


def press(address: str, jar: CookieJar) -> tuple[int, str]:
    """Open a one-time link and press its button."""
    token = re.search(r'name="csrf_token" value="([^"]+)"', get(address, jar)[1])
    assert token
    return get(address, jar, urllib.parse.urlencode({"csrf_token": token[1]}).encode())


def answers_in_spite_of_slow_clients(port: int) -> None:
    clients = [socket.create_connection(("127.0.0.1", port)) for _ in range(50)]
    for client in clients:
        client.sendall(b"POST /login HTTP/1.1\r\nHost: a\r\nContent-Length: 50\r\n\r\nx")
    started = time.monotonic()
    assert get(f"http://127.0.0.1:{port}/login")[0] == 200
    assert time.monotonic() - started < 5
    for client in clients:
        client.close()


def healthy(port: int, seconds: float = 120.0) -> None:
    deadline = time.monotonic() + seconds
    while True:
        try:
            status, body = get(f"http://127.0.0.1:{port}/healthz")
        except OSError as error:
            status, body = 0, str(error)
        if status == 200:
            return
        assert time.monotonic() < deadline, body
        time.sleep(0.4)


def marked(data: Path) -> list[Any]:
    return orphans.marked(data)


def start_again(data: Path, name: str) -> None:
    """A process that dies is started again."""
    (victim,) = [one for one in marked(data) if name in one.cmdline()]
    victim.kill()
    psutil.wait_procs([victim], 10)
    deadline = time.monotonic() + 60
    while not any(name in one.cmdline() for one in marked(data)):
        assert time.monotonic() < deadline
        time.sleep(0.4)


def test_a_whole_day(bin_dev: Callable[..., Any], port: int, tmp_path: Path) -> None:
    """First start, sign-in by the printed link, a process dies, SIGKILL, second start with all still there,
    SIGINT."""
    data = tmp_path / "data"
    first, log = bin_dev()
    text = text_with(log, "Stop with Ctrl-C")
    link = re.search(r"http://127\.0\.0\.1:\d+/login/link/\S+", text)
    assert link, text
    assert 0 < text.index("Starting gunicorn") < text.index("Celeriac is up")  # nothing is written over
    healthy(port)
    jar = CookieJar()
    assert "Overview" in press(link.group(), jar)[1]
    assert get(f"http://127.0.0.1:{port}/tasks/examples.basic.add", jar)[0] == 200
    assert "was used or is too old" in get(link.group())[1]  # it worked once
    assert [str(path) for path in data.rglob("*") if path.stat().st_mode & 0o077] == []
    answers_in_spite_of_slow_clients(port)
    start_again(data, "recorder")

    first.kill()
    first.wait(10)
    assert marked(data)  # the rest is still there: that is what the next start has to cope with

    second, log = bin_dev()
    text_with(log, "Stop with Ctrl-C")
    healthy(port)
    assert get(f"http://127.0.0.1:{port}/tasks", jar)[0] == 200  # the session outlived the restart
    second.send_signal(signal.SIGINT)  # as Ctrl-C; SIGTERM is in test_reload
    assert second.wait(60) == 0
    assert marked(data) == []
    assert not embedded_redis.socket_path(data).exists()


def one_line(process: subprocess.Popen[bytes], log: Path) -> str:
    assert process.wait(120) != 0
    lines = [
        line for line in log.read_text().splitlines() if line.startswith("bin/dev:") or "CELERIAC_" in line
    ]
    assert len(lines) == 1, log.read_text()
    return lines[0]


def test_a_taken_port_is_said_in_one_line(bin_dev: Callable[..., Any], port: int) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", port))
        taken.listen()
        assert f"port {port}" in one_line(*bin_dev())


@pytest.mark.parametrize(  # one that bin/dev reads, one of those that tests/test_config.py tries
    ("settings", "words"),
    [
        ({"PORT": "70000"}, "1 to 65535"),
        ({"CELERIAC_TIMEZONE": "Mars/Olympus"}, "CELERIAC_TIMEZONE=Mars/Olympus"),
    ],
)
def test_a_wrong_setting_is_said_in_one_line(
    bin_dev: Callable[..., Any], settings: dict[str, str], words: str
) -> None:
    assert words in one_line(*bin_dev(**settings))


def test_a_second_start_on_the_same_data_is_refused(bin_dev: Callable[..., Any], tmp_path: Path) -> None:
    import fcntl

    (tmp_path / "data").mkdir()
    with (tmp_path / "data" / "dev.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        assert "already running" in one_line(*bin_dev())
