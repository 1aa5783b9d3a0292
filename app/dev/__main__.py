"""Starts web, worker, beat, recorder and Redis under supervisor, and says how to sign in."""

import contextlib
import fcntl
import os
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from app.config import PRIVATE_UMASK, PROJECT_DIR, Settings, load_settings
from app.dev import address, orphans, programs, reload

READY_SECONDS = 60


class CannotStart(SystemExit):
    """One clear line why."""

    def __init__(self, line: str) -> None:
        super().__init__(f"bin/dev: {line}")


def main() -> None:
    """Start, wait until told to stop, stop; exits non-zero with one line when it cannot start."""
    _append_to_output()
    os.umask(PRIVATE_UMASK)
    settings = load_settings()
    host, port = address.host_and_port("bin/dev")
    os.environ.setdefault("CELERIAC_BASE_URL", f"http://{_shown(host)}:{port}")
    settings.data_path.mkdir(mode=0o700, parents=True, exist_ok=True)
    with _locked(settings.data_path):
        orphans.stop(settings.data_path)
        _check_port(host, port)
        path = programs.write(settings, host, port)
        link = _prepare()
        supervisor = _start(settings, path)
        reload.watch(settings.tasks, supervisor.pid)
        threading.Thread(target=_announce, args=(host, port, link), daemon=True).start()
        sys.exit(_wait(supervisor))


def _append_to_output() -> None:
    """Where output goes into a file, add to its end: the other processes write there too."""
    for number in (1, 2):
        fcntl.fcntl(number, fcntl.F_SETFL, fcntl.fcntl(number, fcntl.F_GETFL) | os.O_APPEND)


def _shown(host: str) -> str:
    return "127.0.0.1" if host in ("0.0.0.0", "::", "") else host  # noqa: S104 -- compared, not bound


@contextlib.contextmanager
def _locked(data_path: Path) -> Iterator[IO[str]]:
    """Hold the data folder's lock as long as this process lives."""
    with (data_path / "dev.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise CannotStart(f"already running with the data in {data_path}") from None
        yield lock


def _check_port(host: str, port: int) -> None:
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        with socket.socket(family) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind((host, port))
    except OSError as error:
        raise CannotStart(
            f"cannot listen on {host} port {port} ({error.strerror or error}); set PORT to another"
        ) from None


def _prepare() -> str:
    """Migrate and make the first admin, in a process of its own; returns the path of a sign-in link."""
    done = subprocess.run(
        [sys.executable, "-m", "app.dev.prepare"], stdout=subprocess.PIPE, text=True, check=False
    )
    if done.returncode:
        raise CannotStart("the database could not be prepared; the lines above say why")
    return done.stdout.strip().splitlines()[-1]


def _start(settings: Settings, path: Path) -> subprocess.Popen[bytes]:
    environment = os.environ | {orphans.MARK: str(settings.data_path), "PYTHONUNBUFFERED": "1"}
    command = [sys.executable, "-m", "supervisor.supervisord", "--configuration", str(path)]
    # A session of its own: Ctrl-C reaches only this process, which stops the others in order.
    return subprocess.Popen(command, cwd=PROJECT_DIR, env=environment, start_new_session=True)


def _answers(address: str) -> bool:
    try:
        with urllib.request.urlopen(f"{address}/livez", timeout=2):  # noqa: S310 -- our own http address
            return True
    except (urllib.error.URLError, OSError):
        return False


def _announce(host: str, port: int, link: str) -> None:
    address = f"http://{_shown(host)}:{port}"
    late = time.monotonic() + READY_SECONDS
    while not _answers(address):
        if time.monotonic() > late:
            print(
                f"\nThe web process does not answer at {address} yet; its log lines are above.\n", flush=True
            )
            late = float("inf")
        time.sleep(0.1)
    print(
        f"\nCeleriac is up:      {address}\n"
        f"Sign in as admin:    {address}{link}\n"
        "                     (press the button there; it works once, each start prints a new one)\n"
        "Stop with Ctrl-C.\n",
        flush=True,
    )


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
