"""Queues that code names are declared by themselves: workers listen to them and pages show them."""

import json
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from redis import Redis

from app.config import PROJECT_DIR
from app.heartbeats import WORKERS
from tests.launcher import Launcher

JOBS = """
from celery import Celery, shared_task
from kombu import Queue

other = Celery("theirs", set_as_current=False)
other.conf.task_routes = {"queue_jobs.conf": {"queue": "of-conf"}, "elsewhere.*": "of-pattern"}
other.conf.task_queues = [Queue("of-queues")]
task_routes = (
    [("queue_jobs.v*", {"queue": "of-variable"})],
    {"queue_jobs.bad": {"queue": "celeriac:workers"}},
)
CELERY_TASK_ROUTES = 5
CELERY_ROUTES = "queue_jobs.no_such_function"

@shared_task(queue="of-decorator")
def decorated(): pass

@shared_task
def conf(): pass

@shared_task
def variable(): pass

@shared_task
def set_by_settings(): pass

@shared_task
def bad(): pass
"""
DETAILS = {"of-details": {"tasks": ["queue_jobs.set_*"]}}
NAMED = ("of-details", "of-decorator", "of-conf", "of-variable", "of-pattern", "of-queues")


@pytest.fixture
def with_jobs(tmp_path: Path, processes: Any) -> dict[str, str]:
    (tmp_path / "queue_jobs.py").write_text(JOBS)
    mine = {"CELERIAC_TASKS": "queue_jobs", "PYTHONPATH": str(tmp_path)}
    processes.environment |= mine | {"CELERIAC_QUEUE_DETAILS": json.dumps(DETAILS)}
    environment: dict[str, str] = processes.environment
    return environment


LOOK = """
import json
from app import catalog, create_app, own_tasks
from app.extensions import celery_app
from app.config import settings
app = create_app()
own_tasks.load(app)
with app.app_context():
    infos = [catalog.in_code(celery_app, t) for n, t in celery_app.tasks.items() if n[:7] != "celery."]
    print(json.dumps([settings().declared_queues, {i.name: i.queue for i in infos if i.origin == "own"}]))
"""


def test_they_are_declared_and_tasks_go_there(
    with_jobs: dict[str, str], tmp_path: Path, launcher: Launcher
) -> None:
    (tmp_path / "look.py").write_text(LOOK)
    log = tmp_path / "log"
    look = launcher.start(["python", str(tmp_path / "look.py")], log, with_jobs, PROJECT_DIR)
    assert look.wait() == 0, log.read_text()
    said = log.read_text()
    declared, queues = json.loads(next(line for line in said.splitlines() if line.startswith("[[")))
    assert sorted(declared[4:]) == sorted(NAMED)
    assert queues == {
        "queue_jobs.decorated": "of-decorator",
        "queue_jobs.conf": "of-conf",
        "queue_jobs.variable": "of-variable",
        "queue_jobs.set_by_settings": "of-details",
        "queue_jobs.bad": "celeriac:workers",  # what is sent there is refused, and no worker listens to it
    }
    assert "a queue that code names is left out: celeriac:workers is not free" in said
    assert "these task_routes cannot be used: 5" in said
    assert "these task_routes cannot be used: 'queue_jobs.no_such_function'" in said


def test_a_worker_listens_to_them_and_pages_show_them(
    app: Flask, with_jobs: dict[str, str], processes: Any, redis: Redis, eventually: Any, caller: Any
) -> None:
    processes.worker("-c", "1")
    told = json.loads(redis.hget(WORKERS, "w1@test") or "{}")
    assert {*NAMED, "default", "files", "mail", "examples"} == set(told["queues"])
    shown = [queue["name"] for queue in caller("viewer").get("/queues").json["items"]]
    assert set(NAMED) <= set(shown)
