"""Celery projects that know nothing of Celeriac, in processes that cannot import it."""

import json
import os
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
from tests.launcher import Launcher

SHOP = """
import json, logging, os, sys, time
from celery import Celery

app = Celery("shop", broker=os.environ["SHOP_BROKER"])
app.conf.task_default_queue = os.environ["SHOP_QUEUE"]
app.conf.task_acks_late = True
app.conf.worker_prefetch_multiplier = 4
app.conf.broker_transport_options = {"global_keyprefix": os.environ.get("SHOP_PREFIX", "")}


@app.task(name="shop.note")
def note(number, seconds):
    time.sleep(seconds)
    with open(os.environ["SHOP_NOTES"], "a") as file:
        file.write(f"{number}\\n")


@app.task(name="shop.charge", bind=True)
def charge(self, pin_code, amount, api_key="", voucher=""):
    print("charging", amount, "with", api_key)
    logging.getLogger("shop").warning("the voucher is %s", voucher)
    self.update_state(state="PROGRESS", meta={"current": 1, "total": 2, "message": f"pin {pin_code}"})
    return {"amount": amount, "key": api_key}


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
    for line in sys.stdin:
        name, args, kwargs = json.loads(line)
        print(app.tasks[name].apply_async(args, kwargs).id, flush=True)
"""


class Shop:
    """A plain Celery project; each of its runs writes its number on a line."""

    def __init__(
        self,
        folder: Path,
        url: str,
        queue: str = "celery",
        sender: Any = (),
        python: Path = Path(sys.executable),
        **more: str,
    ) -> None:
        self.folder, self.url, self.queue, self.python = folder, url, queue, python
        self.notes = folder / "notes"
        folder.mkdir()
        self.notes.touch()
        (folder / "shop.py").write_text(SHOP)
        self._running: list[subprocess.Popen[bytes]] = []
        kept = {name: value for name, value in os.environ.items() if not name.startswith("CELERIAC_")}
        kept.pop("PYTHONPATH", None)
        self._environment = kept | {"SHOP_BROKER": url, "SHOP_QUEUE": queue, "SHOP_NOTES": str(self.notes)}
        self._environment |= more
        self._sender = subprocess.Popen(
            [python, "shop.py"],
            cwd=folder, env=self._environment | dict(sender),
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip

    def worker(self, *options: str, name: str = "shop@here") -> subprocess.Popen[bytes]:
        """A worker that is ready."""
        log = self.folder / f"worker-{len(self._running)}.log"
        command = [str(self.python.with_name("celery")), "-A", "shop", "worker", "-n", name]
        with log.open("wb") as output:
            worker = subprocess.Popen(
                [*command, "-l", "INFO", *(options or ("-c", "2"))],
                cwd=self.folder, env=self._environment, stdout=output, stderr=subprocess.STDOUT,
                start_new_session=True,
            )  # fmt: skip
        self._running.append(worker)
        wait_until(lambda: b" ready." in log.read_bytes(), 150)
        return worker

    def send(self, number: int, seconds: float = 0.05) -> str:
        """Send a run that writes its number, as the project does."""
        return self.call("shop.note", number, seconds)

    def call(self, name: str, *args: Any, **kwargs: Any) -> str:
        """Send a run of any of its tasks; returns its id."""
        assert self._sender.stdin
        assert self._sender.stdout
        print(json.dumps([name, args, kwargs]), file=self._sender.stdin, flush=True)
        return self._sender.stdout.readline().strip()

    def log(self) -> str:
        """What its workers wrote."""
        return "".join(path.read_text() for path in self.folder.glob("worker-*.log"))

    def done(self) -> list[int]:
        """The numbers of the runs that have ended, in order of their numbers."""
        return sorted(map(int, self.notes.read_text().split()))

    def stop(self) -> None:
        self._sender.communicate(timeout=60)
        for worker in self._running:
            if worker.poll() is None:
                os.killpg(worker.pid, signal.SIGKILL)
            worker.wait(10)


@pytest.fixture
def shop(tmp_path: Path, own_redis: RedisServer) -> Iterator[Callable[..., Shop]]:
    """Makes the project on a Redis of the test's own, or elsewhere: `shop(queue="default")`."""
    made: list[Shop] = []

    def make(url: str = "", **options: Any) -> Shop:
        found = Shop(
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
    shutil.copytree(PROJECT / "celeriac_agent", folder / "source")
    pip = [sys.executable, "-m", "pip", "-q", "--disable-pip-version-check"]
    built = ["wheel", "--no-deps", "--no-build-isolation", "-w", str(folder), str(folder / "source")]
    subprocess.run([*pip, *built], check=True)
    (wheel,) = folder.glob("*.whl")
    return wheel


@pytest.fixture(scope="session")
def agent(wheel: Path) -> Path:
    """The folder into which the agent's wheel was installed, and nothing else."""
    pip = [sys.executable, "-m", "pip", "-q", "--disable-pip-version-check"]
    site = wheel.parent / "site"
    subprocess.run([*pip, "install", "--no-deps", "--target", str(site), str(wheel)], check=True)
    return site


@pytest.fixture(scope="session")
def old_python(wheel: Path) -> Path:
    """The Python of an environment with Celery 5.3 and the agent, as a team may have had it for years."""
    folder = wheel.parent / "old"
    subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True)
    python = folder / "bin" / "python"
    pip = [str(python), "-m", "pip", "-q", "--disable-pip-version-check", "install"]
    # What there was at its time: its own requirements have no upper end, and newer ones do not fit it.
    subprocess.run([*pip, "celery==5.3.6", "kombu==5.3.7", "redis<5.1", "setuptools", str(wheel)], check=True)
    return python
