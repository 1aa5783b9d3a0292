"""Celery projects that know nothing of Celeriac, in processes that cannot import it."""

import json
import os
import select
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import redis as redis_client
from flask import Flask

from app import broker, create_app
from app.config import Settings
from app.extensions import db
from app.web.limits import limiter
from tests.conftest import FASTER, PROJECT, Processes, RedisServer, wait_until
from tests.launcher import Launched, Launcher

SHOP = """
import json, logging, os, sys, time
from celery import Celery

app = Celery("shop", broker=os.environ["SHOP_BROKER"])
app.conf.task_default_queue = os.environ["SHOP_QUEUE"]
app.conf.task_acks_late = True
app.conf.worker_prefetch_multiplier = 4
app.conf.broker_transport_options = {"global_keyprefix": os.environ.get("SHOP_PREFIX", "")}


@app.task(name="shop.note")
def note(number, seconds, until=""):
    time.sleep(seconds)
    while until and not os.path.exists(until):
        time.sleep(0.05)
    with open(os.environ["SHOP_NOTES"], "a") as file:
        file.write(f"{number}\\n")


@app.task(name="shop.charge", bind=True)
def charge(self, pin_code, amount, api_key="", voucher=""):
    print("charging", amount, "with", api_key)
    logging.getLogger("shop").warning("the voucher is %s", voucher)
    self.update_state(state="PROGRESS", meta={"current": 1, "total": 2, "message": f"pin {pin_code}"})
    return {"amount": amount, "key": api_key}


@app.task(name="shop.talk", bind=True)
def talk(self, number, talks, until, again=0):
    while not os.path.exists(talks):
        time.sleep(0.05)
    for step in range(20):
        self.update_state(state="PROGRESS", meta={"current": step})
    if again:
        raise self.retry(countdown=again)
    note.run(number, 0, until)


@app.task(name="shop.flaky", bind=True, max_retries=3)
def flaky(self):
    if self.request.retries < 2:
        raise self.retry(exc=ValueError("not yet"), countdown=0)
    return self.request.retries


@app.task(name="shop.parent")
def parent():
    return note.delay(1000, 0).id


@app.task(name="shop.fail")
def fail(password):
    raise KeyError(f"no user with {password}")


if __name__ == "__main__":
    with open("asked") as asked, open("told", "w") as told:
        for line in asked:
            name, args, kwargs = json.loads(line)
            print(app.tasks[name].apply_async(args, kwargs).id, file=told, flush=True)
"""


class Shop:
    """A plain Celery project; each of its runs writes its number on a line."""

    def __init__(
        self, launcher: Launcher, folder: Path, url: str, queue: str = "celery", sender: Any = (), **more: str
    ) -> None:
        self.folder, self.url, self.queue, self._launcher = folder, url, queue, launcher
        self.notes = folder / "notes"
        folder.mkdir()
        self.notes.touch()
        (folder / "shop.py").write_text(SHOP)
        self._running: list[Launched] = []
        self.constants: dict[str, float] = {}  # of its workers
        kept = {name: value for name, value in os.environ.items() if not name.startswith("CELERIAC_")}
        kept.pop("PYTHONPATH", None)
        self._environment = kept | {"SHOP_BROKER": url, "SHOP_QUEUE": queue, "SHOP_NOTES": str(self.notes)}
        self._environment |= more
        for pipe in ("asked", "told"):
            os.mkfifo(folder / pipe)
        self._asked = os.open(folder / "asked", os.O_RDWR)  # so that it waits for nobody at the other end
        self._told = os.open(folder / "told", os.O_RDWR)
        self._start("sender", ["python", "shop.py"], **dict(sender))

    def _start(self, name: str, command: list[str], **more: str) -> Launched:
        log = self.folder / f"{name}-{len(self._running)}.log"
        environment, constants = self._environment | more, self.constants if name == "worker" else {}
        self._running.append(self._launcher.start(command, log, environment, self.folder, constants))
        return self._running[-1]

    def worker(self, *options: str, name: str = "shop@here") -> Launched:
        """A worker that is ready."""
        command = [
            "celery",
            "-A",
            "shop",
            "worker",
            "-n",
            name,
            "-l",
            "INFO",
            "--without-mingle",
            *(options or ("-c", "2")),
        ]
        worker = self._start("worker", command)
        wait_until(lambda: b" ready." in worker.log.read_bytes(), 150)
        return worker

    def send(self, number: int, seconds: float = 0.05, until: str = "") -> str:
        """Send a run that writes its number, as the project does; not before `go_on(until)`."""
        return self.call("shop.note", number, seconds, *([str(self.folder / until)] if until else []))

    def go_on(self, until: str) -> None:
        """Let the runs that wait for this write their numbers."""
        (self.folder / until).touch()

    def call(self, name: str, *args: Any, **kwargs: Any) -> str:
        """Send a run of any of its tasks; returns its id."""
        os.write(self._asked, json.dumps([name, args, kwargs]).encode() + b"\n")
        assert select.select([self._told], [], [], 60)[0], self._running[0].log.read_text()
        return os.read(self._told, 1000).decode().strip()

    def log(self) -> str:
        """What its workers wrote."""
        return "".join(path.read_text() for path in self.folder.glob("worker-*.log"))

    def done(self) -> list[int]:
        """The numbers of the runs that have ended, in order of their numbers."""
        return sorted(map(int, self.notes.read_text().split()))

    def stop(self) -> None:
        for process in self._running:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
            process.wait(60)
        for pipe in (self._asked, self._told):
            os.close(pipe)


@pytest.fixture(scope="session")
def plain_launcher(common: Path) -> Iterator[Launcher]:
    """Starts processes of projects that have Celery, and cannot import Celeriac."""
    made = Launcher(common, "plain")
    yield made
    made.close()


@pytest.fixture
def their_redis(tmp_path: Path) -> Iterator[RedisServer]:
    """Their broker, where it is to be another server than Celeriac's."""
    with RedisServer(tmp_path / "their-redis") as server:
        yield server


@pytest.fixture
def shop(tmp_path: Path, own_redis: RedisServer, plain_launcher: Launcher) -> Iterator[Callable[..., Shop]]:
    """Makes the project on a Redis of the test's own, or elsewhere: `shop(queue="default")`."""
    made: list[Shop] = []

    def make(url: str = "", launcher: Launcher = plain_launcher, **options: Any) -> Shop:
        found = Shop(
            launcher,
            tmp_path / f"shop-{len(made)}",
            url or own_redis.url.replace("unix://", "redis+socket://").replace("?db=", "?virtual_host="),
            **options,
        )
        made.append(found)
        return found

    yield make
    for one in made:
        one.stop()


class Celeriac:
    """A Celeriac beside it: its app in this process, and its own processes."""

    def __init__(self, app: Flask, processes: Processes) -> None:
        self.app, self.processes = app, processes

    def start_all(self) -> None:
        """Everything that `bin/dev` starts but the pages, which tests ask here; waits for none of it."""
        for command in ("recorder",):
            self.processes.start(command, "flask", "--app", "wsgi", command)
        self.processes.start("beat", "celery", "-A", "celery_worker", "beat", "-l", "INFO")
        self.processes.start("worker", "celery", "-A", "celery_worker", "worker", "-l", "INFO", "-c", "1")

    def log(self, name: str) -> str:
        return "".join(path.read_text() for path in self.processes.logs.glob(f"{name}-*.log"))

    def doctor(self) -> str:
        return str(self.app.test_cli_runner().invoke(args=["doctor"]).output)


@pytest.fixture
def celeriac_on(
    tmp_path: Path, launcher: Launcher, make_ready: Callable[[Flask], None]
) -> Iterator[Callable[..., Celeriac]]:
    """`celeriac_on(redis_url, SHARED_BROKER="1")` makes one, inside its app's context."""
    made: list[Celeriac] = []
    contexts = []
    limits = dict(vars(limiter))

    def make(redis_url: str, **settings: str) -> Celeriac:
        folder = tmp_path / f"celeriac-{len(made)}"
        given = {"data_dir": folder, "redis_url": redis_url, "base_url": "http://localhost"}
        app = create_app(Settings(**given | {name.lower(): value for name, value in settings.items()}))
        make_ready(app)
        context = app.app_context()
        context.push()
        contexts.append(context)
        variables = {f"CELERIAC_{name}": str(value) for name, value in (given | settings).items()}
        environment = os.environ | {name.upper(): value for name, value in variables.items()}
        processes = Processes(launcher, environment | {"PYTHONUNBUFFERED": "1"}, tmp_path)
        processes.constants = FASTER | {
            "app.workers.deaths.ORPHAN_SECONDS": 2.0,
            "app.celery.heartbeat.OTHER_APP_SECONDS": 0.5,
            "app.recorder.recorder.STRANGERS_SECONDS": 0.5,
        }
        made.append(Celeriac(app, processes))
        return made[-1]

    yield make
    for one in made:
        one.processes.stop()
        db.session.remove()
        db.engine.dispose()
        broker.reset()
        one.app.extensions["celery"].close()
    for context in reversed(contexts):
        context.pop()
    vars(limiter).update(limits)


@pytest.fixture
def contents(own_redis: RedisServer) -> Callable[[], dict[str, Any]]:
    """What lies in the test's Redis but for Celeriac's own keys and the limits on signing in: by key."""

    def read() -> dict[str, Any]:
        client: redis_client.Redis = own_redis.client
        found: dict[str, Any] = {}
        keys: Any = client.keys("*")
        for key in keys:
            if key.startswith((b"celeriac:", b"LIMITS")):
                continue
            kind: Any = client.type(key)
            found[key.decode()] = (
                client.smembers(key)
                if kind == b"set"
                else client.lrange(key, 0, -1)
                if kind == b"list"
                else kind
            )
        return found

    return read


@pytest.fixture(scope="session")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The agent's wheel."""
    folder = tmp_path_factory.mktemp("agent")
    source = shutil.copytree(PROJECT / "celeriac_agent", folder / "source")
    uv("build", "--wheel", "--no-build-isolation", "--python", sys.executable, "-o", folder, source)
    (wheel,) = folder.glob("*.whl")
    return wheel


def uv(*arguments: str | Path) -> None:
    subprocess.run([Path(sys.executable).with_name("uv"), "-q", *arguments], check=True)


@pytest.fixture(scope="session")
def agent(wheel: Path) -> Path:
    """The folder into which the agent's wheel was unpacked, and nothing else."""
    shutil.unpack_archive(wheel, wheel.parent / "site", "zip")
    return wheel.parent / "site"


@pytest.fixture(scope="session")
def make_environment(wheel: Path) -> Callable[..., Path]:
    """Makes an environment of a project's own, with the agent and no more of Celeriac; returns its Python."""

    def make(name: str, *packages: str) -> Path:
        python = wheel.parent / name / "bin" / "python"
        uv("venv", "--python", sys.executable, wheel.parent / name)
        uv("pip", "install", "--python", python, wheel, *packages)
        return python

    return make


@pytest.fixture(scope="session")
def old_python(make_environment: Callable[..., Path]) -> Path:
    """The Python of an environment with Celery 5.3, as a team may have it for years."""
    # What there was at its time: its own requirements have no upper end, and newer ones do not fit it.
    return make_environment("old", "celery==5.3.6", "kombu==5.3.7", "redis<5.1", "setuptools")


@pytest.fixture(scope="session")
def old_launcher(old_python: Path) -> Iterator[Launcher]:
    """Starts processes in that environment."""
    made = Launcher(old_python.parent.parent, "plain", old_python)
    yield made
    made.close()
