"""A Django project, a FastAPI project whose package is called `app`, and a plain one, beside one Celeriac.

Each lives in an environment of its own, with the agent and no more of Celeriac. Their pools are prefork,
gevent and solo; Flower looks at the first.
"""

import json
import os
import shutil
import signal
import subprocess
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.error import URLError
from urllib.request import urlopen

import pytest
from celery import Celery
from flask import Flask

from app import brokers, catalog, queues, runs
from app.catalog import published
from app.clock import utcnow
from app.errors import Conflict, Invalid
from app.extensions import db
from app.health import checks
from app.runs import RunRequest, states
from app.runs.models import Run
from tests.conftest import RedisServer, wait_until
from tests.rabbitmq.conftest import DEBIAN, Server, free_port

PACKAGES = {
    "shop": ("celery[redis]>=5.5", "django>=5,<6", "flower>=2"),
    "orders": ("celery>=5.5", "fastapi", "gevent", "pydantic>=2"),
}
DJANGO = {
    "shop/__init__.py": "from .celery import app as celery_app\n",
    "shop/settings.py": """
import os
SECRET_KEY, SITE = "x", "shop.example"
INSTALLED_APPS = ["orders"]
CELERY_BROKER_URL = os.environ["BROKER"]
""",
    "shop/celery.py": """
import os
import celeriac_agent
from celery import Celery

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "shop.settings")
app = Celery("shop")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()
celeriac_agent.install(app)
""",
    "orders/__init__.py": "",
    "orders/tasks.py": """
from celery import shared_task
from django.conf import settings

@shared_task
def confirm(order_id: int, express: bool = False) -> str:
    '''Confirm an order by mail.'''
    return f"{settings.SITE}: {order_id}, {express}"
""",
}
FASTAPI = {
    "app/__init__.py": "",
    "app/main.py": """
from fastapi import FastAPI
from app.worker import charge

api = FastAPI()

@api.post("/charges")
def make(cents: int):
    return charge.delay({"cents": cents, "currency": "EUR"}).id
""",
    "app/worker.py": """
import os
from typing import Literal
import celeriac_agent
from celery import Celery
from pydantic import BaseModel, field_validator

celery_app = Celery("orders", broker=os.environ["BROKER"])
celeriac_agent.install(celery_app)


class Charge(BaseModel):
    cents: int
    currency: Literal["EUR", "USD"]

    @field_validator("cents")
    @classmethod
    def whole_euros(cls, cents):
        if cents % 100:
            raise ValueError("Only whole amounts are charged.")
        return cents


@celery_app.task(name="app.charge", pydantic=True)
def charge(wanted: Charge) -> int:
    return wanted.cents
""",
}
PLAIN = {
    "reports.py": """
import os
from celery import Celery

app = Celery("reports", broker=os.environ["BROKER"])
app.conf.broker_transport_options = {"global_keyprefix": "reports:"}

@app.task(name="reports.totals")
def totals(day):
    return day
""",
}


@pytest.fixture(scope="session")
def pythons(make_environment: Callable[..., Path], old_python: Path) -> Mapping[str, Path]:
    """The Python of each project: of the plain one with Celery 5.3."""
    made = {name: make_environment(name, *packages) for name, packages in PACKAGES.items()}
    return made | {"reports": old_python}


class Project:
    """A project in a folder of its own; what it runs writes to `log`."""

    def __init__(self, folder: Path, python: Path, environment: Mapping[str, str]) -> None:
        self.folder, self._python = folder, python
        self._environment = environment
        self._running: list[subprocess.Popen[bytes]] = []

    def start(self, *command: str, **more: str) -> None:
        """Run one of Celery's commands until the end of the test."""
        with (self.folder / "log").open("ab") as log:
            started = subprocess.Popen(
                [self._python.with_name("celery"), *command],
                cwd=self.folder, env={**self._environment, **more},
                stdout=log, stderr=subprocess.STDOUT, start_new_session=True,
            )  # fmt: skip
        self._running.append(started)

    def log(self) -> str:
        return (self.folder / "log").read_text()

    def stop(self) -> None:
        for process in self._running:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait(60)


@pytest.fixture
def project(
    tmp_path: Path, pythons: Mapping[str, Path], redis_server: str
) -> Iterator[Callable[..., Project]]:
    """Writes a project down and starts its worker: `project("shop", files, url, "-A", "shop", …)`."""
    made: list[Project] = []

    def start(name: str, files: dict[str, str], url: str, *options: str, **more: str) -> Project:
        for path, text in files.items():
            (tmp_path / name / path).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / name / path).write_text(text)
        kept = {key: value for key, value in os.environ.items() if not key.startswith("CELERIAC_")}
        kept.pop("PYTHONPATH", None)
        given = kept | {"BROKER": url, "CELERIAC_AGENT_URL": redis_server} | more
        made.append(Project(tmp_path / name, pythons[name], given))
        made[-1].start(*options, "-n", f"{name}@here", "-l", "INFO")
        return made[-1]

    yield start
    for one in made:
        one.stop()


@pytest.fixture
def rabbit(tmp_path: Path) -> Iterator[str]:
    if not DEBIAN.exists() and shutil.which("rabbitmq-server") is None:
        pytest.skip("no RabbitMQ is installed")
    (tmp_path / "rabbit").mkdir()
    server = Server(tmp_path / "rabbit")
    server.start()
    yield server.url
    server.close()


@pytest.fixture
def flower() -> Callable[[Project], Callable[[str], Any]]:
    """Starts a project's Flower; returns what asks it."""

    def start(theirs: Project) -> Callable[[str], Any]:
        port = free_port()
        theirs.start(
            "-A", "shop", "flower", "--address=127.0.0.1", f"--port={port}", FLOWER_UNAUTHENTICATED_API="true"
        )

        def ask(path: str) -> Any:
            try:
                with urlopen(f"http://127.0.0.1:{port}{path}", timeout=20) as answer:
                    return json.load(answer)
            except URLError:  # it has not started yet, or knows no such run
                return {}

        return ask

    return start


def test_only_a_managed_worker_needs_the_redis_transport(pythons: Mapping[str, Path]) -> None:
    """An app on RabbitMQ may lack what that needs."""
    wanted = "import celeriac_agent, sys; sys.exit('kombu.transport.redis' in sys.modules)"
    subprocess.run([pythons["orders"], "-c", wanted], check=True, cwd="/")


def test_three_projects_beside_one_celeriac(
    app: Flask, processes: Any, project: Callable[..., Project], own_redis: RedisServer, rabbit: str,
    monkeypatch: pytest.MonkeyPatch, caller: Callable[[str], Any], flower: Callable[[Project], Any],
) -> None:  # fmt: skip
    redis_url = own_redis.url.replace("unix://", "redis+socket://").replace("?db=0", "?virtual_host=")
    urls = {"shop": f"{redis_url}0", "orders": rabbit, "reports": f"{redis_url}1"}
    named = urls | {"reports": f"{redis_url}1&global_keyprefix=reports:"}
    monkeypatch.setattr(app.config["SETTINGS"], "brokers", named)
    gevent = ("-A", "app.worker:celery_app", "worker", "-P", "gevent", "-c", "4")
    managed = {"CELERIAC_AGENT_MANAGE": "1"}
    shop = project("shop", DJANGO, urls["shop"], "-A", "shop", "worker", "-c", "2", "-E", **managed)
    orders = project("orders", FASTAPI, urls["orders"], *gevent, **managed)
    reports = project(
        "reports", PLAIN, urls["reports"], "-A", "reports", "worker", "-P", "solo",
        CELERY_LOADER="celeriac_agent:Loader",
    )  # fmt: skip
    ask_flower = flower(shop)
    processes.recorder()
    tasks = {("shop", "orders.tasks.confirm"), ("orders", "app.charge"), ("reports", "reports.totals")}

    def known() -> bool:
        db.session.rollback()
        published.forget_what_was_read()
        return tasks <= published.published().tasks.keys()

    wait_until(known, 60)
    wait_until(lambda: ask_flower("/workers?json=1").get("data"), 60)  # it hears the worker's events
    assert catalog.find("orders.tasks.confirm").summary == "Confirm an order by mail."
    asked = {
        "shop": ("orders.tasks.confirm", [7], {"express": True}, "shop.example: 7, True"),
        "orders": ("app.charge", [{"cents": 500, "currency": "EUR"}], {}, 500),
        "reports": ("reports.totals", ["monday"], {}, "monday"),
    }
    sent = {
        name: runs.submit(RunRequest(task, args, kwargs), utcnow()).id
        for name, (task, args, kwargs, _result) in asked.items()
    }

    def row(name: str) -> Any:
        db.session.rollback()
        return db.session.get(Run, sent[name])

    for name, (_task, args, kwargs, result) in asked.items():
        wait_until(lambda name=name: row(name).state == states.SUCCESS, 60)
        found = row(name)
        assert (found.app, found.args, found.kwargs, found.result) == (name, args, kwargs, result)
        assert found.worker == f"{name}@here"
    told = wait_until(lambda: ask_flower(f"/api/task/info/{sent['shop']}"), 60)
    assert (told["name"], told["state"], told["worker"]) == ("orders.tasks.confirm", "SUCCESS", "shop@here")
    assert (told["args"], told["kwargs"]) == ("[7]", "{'express': True}")
    asked_by_flower = ask_flower("/api/workers?refresh=1&workername=shop@here")["shop@here"]
    assert [one["name"] for one in asked_by_flower["active_queues"]] == ["celery"]
    assert asked_by_flower["stats"]["total"] == {"orders.tasks.confirm": 1}
    with pytest.raises(Invalid, match="Only whole amounts are charged"):  # asked over RabbitMQ, a gevent pool
        runs.submit(RunRequest("app.charge", [{"cents": 501, "currency": "EUR"}]), utcnow())

    seen = {name: brokers.ask(brokers.find(name), utcnow()).workers for name in urls}
    assert {name: [(one.hostname, one.pool) for one in found] for name, found in seen.items()} == {
        "shop": [("shop@here", "prefork")],
        "orders": [("orders@here", "gevent")],
        "reports": [("reports@here", "solo")],
    }
    with Celery(broker=rabbit, set_as_current=False) as asking:
        assert asking.control.inspect(["orders@here"]).stats()["orders@here"]["prefetch_count"] == 4
    assert [line.name for line in checks.other_brokers() if not line.ok] == []
    brokers.allow("orders", "ann", utcnow())
    api = caller("admin")
    paused = api.post("/brokers/orders/workers/orders@here/pause").json
    assert (paused["queues"], "paused_by" in paused) == ([], True)
    assert api.post("/brokers/orders/workers/orders@here/resume").json["queues"] == ["celery"]

    obeying = api.post("/brokers/orders/queues/celery/pause", json={"note": "deploy"}).json
    assert (obeying["note"], obeying["refusal"], obeying["obeying"]) == ("deploy", "", ["orders@here"])
    wait_until(lambda: not api.get("/brokers/orders/workers/orders@here").json["queues"], 30)
    waits = runs.submit(RunRequest(*asked["orders"][:3]), utcnow()).id
    orders.start(*gevent, "-n", "second@here", "-l", "INFO")  # obeys from its first moment
    wait_until(lambda: "second@here ready" in orders.log(), 60)
    second = wait_until(
        lambda: (found := api.get("/brokers/orders/workers/second@here")).status_code == 200 and found, 60
    )
    assert (second.json["queues"], waits in orders.log()) == ([], False)
    (queue,) = brokers.listing(brokers.find("orders"))
    assert (queue.name, queue.waiting, queue.pause and queue.pause.note) == ("celery", 1, "deploy")
    held = api.post("/brokers/orders/queues/celery/hold")
    assert (held.status_code, held.json["code"]) == (409, "not-supported")
    assert api.post("/brokers/orders/queues/celery/resume").json["paused_by"] is None
    wait_until(lambda: waits in orders.log(), 30)
    refused = api.post("/brokers/orders/workers/orders@here/pool", json={"size": 8})
    assert (refused.status_code, refused.json["code"]) == (409, "unsupported")
    with pytest.raises(Conflict, match="cannot be read without taking it"):
        queues.move("celery", sent["orders"], utcnow(), to="front", site=brokers.site("orders"))
    assert [one.folder for one in (shop, orders, reports) if "Traceback" in one.log()] == []
