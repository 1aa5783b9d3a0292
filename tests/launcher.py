"""Starts the project's commands by forking one process that has imported them all.

A worker that starts from nothing spends two seconds on imports; a fork of this process is at work after a
fraction of that. `python launcher.py ADDRESS` is that process; `Launcher` and `Launched` are its other end,
in the tests. bin/dev, which has tests of its own, starts every process from nothing.

`python launcher.py ADDRESS plain` has imported Celery alone, and cannot find Celeriac: for other projects.
"""

import fcntl
import gc
import json
import os
import pkgutil
import runpy
import select
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from functools import partial
from importlib import import_module
from importlib.metadata import entry_points
from io import TextIOWrapper
from pathlib import Path
from typing import Any

PROJECT = Path(__file__).resolve().parent.parent
GONE = ("zombie", "dead")  # as psutil calls a process that only has to be buried
IDLE_SECONDS = 5.0  # without anybody who needs it
# What commands import only when they run.
LATE_IN_CELERY = (
    "billiard.popen_fork",
    "billiard.sharedctypes",
    "celery.app.amqp",
    "celery.app.control",
    "celery.app.events",
    "celery.apps.beat",
    "celery.apps.worker",
    "celery.backends.redis",
    "celery.bin.celery",
    "celery.concurrency.prefork",
    "celery.concurrency.solo",
    "celery.concurrency.thread",
    "celery.events.state",
    "celery.fixups.django",
    "celery.worker.autoscale",
    "celery.worker.components",
    "celery.worker.consumer",
    "celery.worker.strategy",
    "kombu.transport.redis",
)
LATE = (
    *LATE_IN_CELERY,
    "app.alerts.tasks",
    "celery.worker.consumer.delayed_delivery",
    "kombu.transport.pyamqp",
    "psycopg",
    "sqlalchemy.dialects.postgresql.psycopg",
    "sqlalchemy.dialects.sqlite",
    "werkzeug.middleware.proxy_fix",
)


@contextmanager
def locked(address: str | Path) -> Iterator[None]:
    """Nobody else looks for the server there, or ends it, meanwhile."""
    with open(f"{address}.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


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

    def end(self, number: int = signal.SIGKILL) -> None:
        """Send a signal to it and to all that it started; when it kills, wait until the last of them is gone.

        A child that dies a moment later still holds the connections that it inherited: Redis would give it
        the next message of another test.
        """
        if self.poll() is None:
            os.killpg(self.pid, number)
        self.wait()
        deadline = time.monotonic() + 60
        while number == signal.SIGKILL and any(_living(self.pid)):
            assert time.monotonic() < deadline, f"what {self.pid} started lives on"
            time.sleep(0.01)


def _living(group: int) -> Iterator[int]:
    import psutil  # which another project that is started from here need not have

    for process in psutil.process_iter(["status"]):
        with suppress(ProcessLookupError):
            if os.getpgid(process.pid) == group and process.info["status"] not in GONE:
                yield process.pid


class Launcher:
    """The process that is forked, and what it has told; all of pytest's workers share it."""

    def __init__(self, folder: Path, kind: str = "", python: Path = Path(sys.executable)) -> None:
        address = folder / f"launcher{kind}"
        self._server = socket.socket(socket.AF_UNIX)
        with locked(address):
            try:
                self._server.connect(str(address))
            except OSError:
                kept = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
                command = [python, str(Path(__file__).resolve()), str(address), *([kind] if kind else [])]
                subprocess.run(command, cwd=PROJECT, env=kept, check=True, stdin=subprocess.DEVNULL)
                self._server.connect(str(address))
        self._started: dict[int, Launched] = {}  # by number: the system gives out its own again
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

        The command is a script of an installed package, or `python` and a file. `constants` are other
        values for constants of modules there: `{"app.beat.WAIT_SECONDS": 0.1}`.
        """
        log.touch()  # so that it can be read before the process writes to it
        started = Launched(self, log)
        number = len(self._started)
        self._started[number] = started
        request: dict[str, Any] = {
            "number": number,
            "command": command,
            "log": str(log),
            "environment": environment,
            "cwd": str(cwd),
        }
        request |= {"constants": dict(constants or {})}
        self._server.sendall(json.dumps(request).encode() + b"\n")
        deadline = time.monotonic() + 60
        while not started.pid:
            assert time.monotonic() < deadline, "nothing was started"
            self.listen(1)
        return started

    def listen(self, seconds: float) -> None:
        """Take in what the process tells within that time."""
        if not select.select([self._server], [], [], seconds)[0]:
            return
        read = self._server.recv(65536)
        assert read, "the launcher has ended"
        *lines, self._rest = (self._rest + read).split(b"\n")
        for line in lines:
            number, pid, code = json.loads(line)
            self._started[number].pid, self._started[number].returncode = pid, code

    def close(self) -> None:
        """It ends when nobody needs it any more."""
        self._server.close()


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
    read_types()
    settle()


def read_types() -> None:
    """Each worker tells what its tasks take: what pydantic makes of the types of the library is kept."""
    from celery import Celery

    from celeriac_agent import schemas, tasks

    make, known = schemas.adapter_of, {}

    def adapter(hint: Any) -> Any:
        try:
            key = (repr(hint), hint)  # `int | str` equals `str | int`, and says another thing
            return known[key] if key in known else make(hint)
        except TypeError:  # it cannot be a key
            return make(hint)

    def reading(hint: Any) -> Any:
        with suppress(TypeError):
            known[repr(hint), hint] = make(hint)
        return adapter(hint)

    schemas.adapter_of = reading
    for task in Celery("library", set_as_current=False).tasks.values():
        tasks._parameters(task)
    schemas.adapter_of = adapter


def warm_up_plain() -> None:
    """Import what every project with Celery and Redis imports, whatever its version."""
    for name in LATE_IN_CELERY:
        import_module(name)
    settle()


def settle() -> None:
    """Before the first fork: what is there is shared with all that come."""
    assert threading.active_count() == 1, "a process with threads cannot be forked"
    gc.collect()
    gc.freeze()


class Server:
    """Forks a process for each request of its clients; a client that is gone leaves none behind."""

    def __init__(self, address: str) -> None:
        self._address = address
        Path(address).unlink(missing_ok=True)
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(address)
        self._listener.listen()
        self._clients: dict[socket.socket, bytes] = {}  # what they have said of a line so far
        self._running: dict[int, tuple[socket.socket, int]] = {}  # who asked for it, and its number

    def serve(self) -> dict[str, Any]:
        """Returns in each new process, with its request."""
        woken, wakes = socket.socketpair()
        wakes.setblocking(False)
        signal.set_wakeup_fd(wakes.fileno(), warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        own = [self._listener, woken]
        while True:
            ready = select.select([*own, *self._clients], [], [], None if self._clients else IDLE_SECONDS)[0]
            if not ready and not self._clients:
                self._end()
            if woken in ready:
                woken.recv(4096)
                self._bury()
            if self._listener in ready:
                self._clients[self._listener.accept()[0]] = b""
            for client in [one for one in ready if one in self._clients]:
                for request in self._requests(client):
                    pid = os.fork()
                    if pid == 0:
                        signal.set_wakeup_fd(-1)
                        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
                        for held in (*own, wakes, *self._clients):
                            held.close()
                        return request
                    self._running[pid] = (client, request["number"])
                    self._tell(client, request["number"], pid, None)

    def _requests(self, client: socket.socket) -> list[dict[str, Any]]:
        try:
            read = client.recv(65536)
        except ConnectionError:
            read = b""
        if not read:
            del self._clients[client]
            client.close()
            for pid in [pid for pid, (owner, _) in self._running.items() if owner is client]:
                os.kill(pid, signal.SIGKILL)
            return []
        *lines, self._clients[client] = (self._clients[client] + read).split(b"\n")
        return [json.loads(line) for line in lines]

    def _bury(self) -> None:
        while self._running:
            pid, status = os.waitpid(-1, os.WNOHANG)
            if pid == 0:
                return
            client, number = self._running.pop(pid)
            if client in self._clients:
                self._tell(client, number, pid, os.waitstatus_to_exitcode(status))

    def _tell(self, client: socket.socket, *what: int | None) -> None:
        with suppress(ConnectionError):  # the next look finds that it is gone
            client.sendall(json.dumps(what).encode() + b"\n")

    def _end(self) -> None:
        with locked(self._address):
            if not select.select([self._listener], [], [], 0)[0]:
                Path(self._address).unlink()
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
    name, *arguments = request["command"]
    if name == "python":
        sys.argv = arguments
        sys.path.insert(0, str(Path(arguments[0]).resolve().parent))
        return partial(run_script, arguments[0])
    sys.argv = [str(Path(sys.executable).parent / name), *arguments]
    loaded: Callable[[], Any] = SCRIPTS[name].load()
    return loaded


def run_script(path: str) -> None:
    """As `python path` does."""
    runpy.run_path(path, run_name="__main__")


if __name__ == "__main__":
    sys.path.remove(str(Path(__file__).resolve().parent))  # only whoever names it in PYTHONPATH has it
    warm_up_plain() if sys.argv[2:] else warm_up()
    SCRIPTS = {one.name: one for one in entry_points(group="console_scripts")}  # reading them takes long
    server = Server(sys.argv[1])
    if os.fork():  # who waits for this process has its socket now
        os._exit(0)
    os.setsid()
    sys.exit(become(server.serve())())
