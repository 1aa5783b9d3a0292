"""Starts the project's commands by forking one process that has imported them all.

A worker that starts from nothing spends two seconds on imports; a fork of this process is at work after a
fraction of that. `python launcher.py` is that process; `Launcher` and `Launched` are its other end, in the
tests. bin/dev, which has tests of its own, starts every process from nothing.
"""

import gc
import json
import os
import pkgutil
import select
import signal
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping
from importlib import import_module
from importlib.metadata import entry_points
from io import TextIOWrapper
from pathlib import Path
from typing import Any

PROJECT = Path(__file__).resolve().parent.parent
COMMANDS = ("celery", "flask")
# What commands import only when they run.
LATE = (
    "celery.apps.beat",
    "celery.apps.worker",
    "celery.bin.celery",
    "celery.concurrency.prefork",
    "celery.concurrency.solo",
    "celery.concurrency.thread",
    "celery.worker.consumer",
    "kombu.transport.pyamqp",
    "kombu.transport.redis",
    "psycopg",
    "sqlalchemy.dialects.postgresql.psycopg",
    "sqlalchemy.dialects.sqlite",
)


class Launched:
    """A process that was started so; to be used like `subprocess.Popen`."""

    def __init__(self, launcher: "Launcher", log: Path) -> None:
        self.pid = 0  # until it is born
        self.log = log
        self.returncode: int | None = None
        self._launcher = launcher

    def poll(self) -> int | None:
        self._launcher.listen(0)
        return self.returncode

    def wait(self, timeout: float = 60.0) -> int:
        deadline = time.monotonic() + timeout
        while (code := self.returncode) is None:
            left = deadline - time.monotonic()
            if left <= 0:
                raise subprocess.TimeoutExpired(str(self.pid), timeout)
            self._launcher.listen(left)
        return code

    def send_signal(self, number: int) -> None:
        if self.poll() is None:
            os.kill(self.pid, number)

    def terminate(self) -> None:
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)


class Launcher:
    """The process that is forked, and what it has told."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, str(Path(__file__).resolve())],
            cwd=PROJECT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            bufsize=0,
        )
        self._asked: deque[Launched] = deque()
        self._running: dict[int, Launched] = {}  # by process id, which the system gives out again
        self._rest = b""

    def start(
        self,
        command: list[str],
        log: Path,
        environment: dict[str, str],
        cwd: Path,
        constants: Mapping[str, float] | None = None,
    ) -> Launched:
        """A process with a session of its own, as `subprocess.Popen(…, start_new_session=True)` makes it.

        `constants` are other values for constants of modules there: `{"app.beat.WAIT_SECONDS": 0.1}`.
        """
        assert self._process.stdin
        request: dict[str, Any] = {
            "command": command,
            "log": str(log),
            "environment": environment,
            "cwd": str(cwd),
        }
        request |= {"constants": dict(constants or {})}
        started = Launched(self, log)
        self._asked.append(started)
        self._process.stdin.write(json.dumps(request).encode() + b"\n")
        deadline = time.monotonic() + 60
        while not started.pid:
            assert time.monotonic() < deadline, "nothing was started"
            self.listen(1)
        return started

    def listen(self, seconds: float) -> None:
        """Take in what the process tells within that time."""
        assert self._process.stdout
        pipe = self._process.stdout.fileno()
        if not select.select([pipe], [], [], seconds)[0]:
            return
        told = os.read(pipe, 65536)
        assert told, "the launcher has ended"
        *lines, self._rest = (self._rest + told).split(b"\n")
        for line in lines:
            pid, code = json.loads(line)
            if code is None:
                self._running[pid] = self._asked.popleft()
                self._running[pid].pid = pid
            else:
                self._running.pop(pid).returncode = code

    def close(self) -> None:
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.close()
        self._process.wait(20)
        self._process.stdout.close()


def warm_up() -> None:
    """Import everything that is the same in every process, and nothing that reads settings."""
    sys.path.insert(0, str(PROJECT))
    import app.features
    import app.library.all_tasks
    import app.own_tasks

    features = (*app.features.COMMANDS.values(), *app.features.PAGES)
    for name in (*LATE, *features, "app.celery.factory", "app.recorder.recorder"):
        import_module(name)
    for found in pkgutil.walk_packages(app.library.__path__, "app.library."):
        import_module(found.name)
    assert threading.active_count() == 1, "a process with threads cannot be forked"
    gc.collect()
    gc.freeze()


def serve() -> dict[str, Any]:
    """Fork a process for each request that is read; returns in the new process, with its request."""
    running: set[int] = set()

    def tell(pid: int, code: int | None) -> None:
        os.write(1, json.dumps([pid, code]).encode() + b"\n")

    def bury(*_: Any) -> None:
        while running:
            pid, status = os.waitpid(-1, os.WNOHANG)
            if pid == 0:
                return
            running.discard(pid)
            tell(pid, os.waitstatus_to_exitcode(status))

    signal.signal(signal.SIGCHLD, bury)
    rest = b""
    while read := os.read(0, 65536):
        *lines, rest = (rest + read).split(b"\n")
        for line in lines:
            signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGCHLD})  # it is born before it ends
            pid = os.fork()
            if pid == 0:
                signal.signal(signal.SIGCHLD, signal.SIG_DFL)
                signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGCHLD})
                request: dict[str, Any] = json.loads(line)
                return request
            running.add(pid)
            tell(pid, None)
            signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGCHLD})
    for pid in running:
        os.kill(pid, signal.SIGKILL)
    os._exit(0)


def become(request: dict[str, Any]) -> Callable[[], Any]:
    """Make this process what `subprocess.Popen` would have made; returns its command's entry point."""
    os.setsid()
    os.chdir(request["cwd"])
    log = os.open(request["log"], os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644)
    nothing = os.open(os.devnull, os.O_RDONLY)
    for number, target in ((nothing, 0), (log, 1), (log, 2)):
        os.dup2(number, target)
    os.close(log)
    os.close(nothing)
    for stream in (sys.stdout, sys.stderr):
        assert isinstance(stream, TextIOWrapper)
        stream.reconfigure(line_buffering=True)
    os.environ.clear()
    os.environ.update(request["environment"])
    sys.path[:0] = [part for part in os.environ.get("PYTHONPATH", "").split(os.pathsep) if part]
    time.tzset()
    for path, value in request["constants"].items():
        module, constant = path.rsplit(".", 1)
        assert hasattr(import_module(module), constant), path
        setattr(import_module(module), constant, value)
    name = request["command"][0]
    sys.argv = [str(Path(sys.executable).parent / name), *request["command"][1:]]
    (entry,) = entry_points(group="console_scripts", name=name)
    loaded: Callable[[], Any] = entry.load()
    return loaded


if __name__ == "__main__":
    sys.path.remove(str(Path(__file__).resolve().parent))  # only whoever names it in PYTHONPATH has it
    warm_up()
    sys.exit(become(serve())())
