"""What a user of `bin/dev` relies on: the printed link lets in, what dies comes again, all is still there."""

import re
import signal
import socket
import time
import urllib.error
import urllib.parse
import urllib.request
from http.cookiejar import CookieJar

import psutil

from app import embedded_redis
from app.dev import orphans
from tests.docs.reader import Reader


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


def first_start(reader: Reader) -> CookieJar:
    """On a fresh folder; returns a browser that is signed in."""
    data, address = reader.folder / "var", f"http://127.0.0.1:{reader.port}"
    text = reader.log.read_text()
    assert 0 < text.index("Starting gunicorn") < text.index("Celeriac is up")  # nothing is written over
    jar = CookieJar()
    assert "Overview" in press(reader.link(), jar)[1]
    assert get(f"{address}/tasks/examples.basic.add", jar)[0] == 200
    assert "was used or is too old" in get(reader.link())[1]  # it worked once
    assert [str(path) for path in data.rglob("*") if path.stat().st_mode & 0o077] == []
    answers_in_spite_of_slow_clients(reader.port)
    return jar


def dies(reader: Reader, name: str) -> None:
    """A process that dies is started again."""
    (victim,) = [one for one in orphans.marked(reader.folder / "var") if name in one.cmdline()]
    victim.kill()
    psutil.wait_procs([victim], 10)
    reader.until(
        lambda: any(name in one.cmdline() for one in orphans.marked(reader.folder / "var")), "README"
    )


def is_killed(reader: Reader) -> None:
    reader.end(signal.SIGKILL)
    assert orphans.marked(reader.folder / "var")  # that is what the next start has to cope with


def second_start(reader: Reader, jar: CookieJar) -> None:
    """After a kill, on the same data: the session outlived it."""
    assert get(f"http://127.0.0.1:{reader.port}/tasks", jar)[0] == 200


def stops(reader: Reader, number: signal.Signals) -> None:
    """Told to stop, it leaves nothing behind."""
    assert reader.end(number) == 0, reader.log.read_text()[-3000:]
    assert orphans.marked(reader.folder / "var") == []
    assert not embedded_redis.socket_path(reader.folder / "var").exists()
