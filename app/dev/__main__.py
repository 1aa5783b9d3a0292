"""Starts web, worker, beat, recorder and Redis under supervisor, and says how to sign in.

This process only waits as long as they live, so it imports little; what needs the settings and the database
is done once, by `app.dev.prepare`, in a process of its own.
"""

import fcntl
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from typing import Any

READY_SECONDS = 60
TASKS_SECONDS = 20  # the pages say so where a worker takes longer to tell what it can do


def main() -> None:
    """Start, wait until told to stop, stop; exits non-zero with one line when it cannot start."""
    _append_to_output()
    prepared = _prepare()
    supervisor = _start(prepared)
    if prepared["tasks"]:  # only then is there anything to look for
        from app.dev import reload

        reload.watch(prepared["tasks"], supervisor.pid)
    announcing = (prepared["host"], prepared["port"], prepared["link"])
    threading.Thread(target=_announce, args=announcing, daemon=True).start()
    sys.exit(_wait(supervisor))


def _append_to_output() -> None:
    """Where output goes into a file, add to its end: the other processes write there too."""
    for number in (1, 2):
        fcntl.fcntl(number, fcntl.F_SETFL, fcntl.fcntl(number, fcntl.F_GETFL) | os.O_APPEND)


def _prepare() -> dict[str, Any]:
    """What `app.dev.prepare` found; the lock that it took comes along, held while this process lives."""
    ours, theirs = socket.socketpair()
    with ours, theirs:
        number = theirs.fileno()
        command = [sys.executable, "-m", "app.dev.prepare", str(number)]
        done = subprocess.run(command, check=False, pass_fds=[number])
        if done.returncode:
            raise SystemExit(done.returncode)  # it has said why
        message, locks, _flags, _address = socket.recv_fds(ours, 65_536, 1)
    prepared: dict[str, Any] = json.loads(message)
    os.set_inheritable(locks[0], False)
    return prepared


def _start(prepared: dict[str, Any]) -> subprocess.Popen[bytes]:
    environment = os.environ | prepared["environment"]
    command = [sys.executable, "-m", "supervisor.supervisord", "--configuration", prepared["configuration"]]
    # A session of its own: Ctrl-C reaches only this process, which stops the others in order.
    return subprocess.Popen(command, env=environment, umask=prepared["umask"], start_new_session=True)


def _get(host: str, port: int, path: str) -> bytes:
    """The web process's answer, empty while it is away; asked without urllib, whose imports would stay."""
    try:
        with socket.create_connection((host, port), timeout=2) as connection:
            connection.sendall(f"GET {path} HTTP/1.0\r\n\r\n".encode())
            return b"".join(iter(lambda: connection.recv(65_536), b""))
    except OSError:
        return b""


def _answers(host: str, port: int) -> bool:
    return _get(host, port, "/livez").startswith((b"HTTP/1.0 200", b"HTTP/1.1 200"))


def _knows_tasks(host: str, port: int) -> bool:
    """Whether a worker has told of its tasks."""
    _head, _blank, body = _get(host, port, "/healthz").partition(b"\r\n\r\n")
    try:
        return bool(json.loads(body)["parts"]["catalog"]["ok"])
    except (ValueError, KeyError):  # it answers in another way when it is not up yet
        return False


def _announce(host: str, port: int, link: str | None) -> None:
    address = f"http://{host}:{port}"
    late = time.monotonic() + READY_SECONDS
    while not _answers(host, port) or (
        time.monotonic() < late - READY_SECONDS / 2 and not _knows_tasks(host, port)
    ):
        if time.monotonic() > late:
            print(
                f"\nThe web process does not answer at {address} yet; its log lines are above.\n", flush=True
            )
            late = float("inf")
        time.sleep(0.1)
    patience = time.monotonic() + TASKS_SECONDS
    while not _knows_tasks(host, port) and time.monotonic() < patience:
        time.sleep(0.1)
    print(f"\nCeleriac is up:      {address}")
    if link:  # else there is no admin who could
        print(f"Sign in as admin:    {address}{link}")
        print("                     (press the button there; it works once, each start prints a new one)")
    print("Stop with Ctrl-C.\n", flush=True)


def _wait(supervisor: subprocess.Popen[bytes]) -> int:
    """Pass a request to stop on to supervisor, once; returns the exit status."""
    stop_asked = False

    def stop(number: int, frame: object) -> None:
        nonlocal stop_asked
        if not stop_asked:
            print("\nStopping.", flush=True)
            supervisor.send_signal(signal.SIGTERM)
        stop_asked = True

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    status = supervisor.wait()
    return 0 if stop_asked else status or 1


if __name__ == "__main__":
    main()
