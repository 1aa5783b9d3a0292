"""What cannot be imported as it stands says what to do: our own name, Django, other Celery objects."""

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import PROJECT
from tests.launcher import Launcher

Told = Callable[..., dict[str, Any]]
TOLD = """
import json, sys
from app import create_app, own_tasks
from app.catalog import published
from app.config import Settings
from app.extensions import db
from app.health import checks
from app.clock import utcnow

app = create_app(Settings(data_dir=sys.argv[1], tasks=sys.argv[2].split(",")), pages=False, commands=False)
own_tasks.load(app)
with app.app_context():
    db.create_all()
    told = json.loads(json.dumps(own_tasks.document(app)))
    published.take_in("celeriac", sys.argv[2], told, utcnow())
    found = [checks.imports(utcnow()), checks.celery_objects(utcnow())]
    tasks = app.extensions["celery"].tasks
    ours = {"delay_on_commit", "progress"}
    print(json.dumps({
        "checks": {one.name: [one.ok, one.detail, one.hint] for one in found},
        "tasks": {name: sorted(set(dir(task)) & ours) for name, task in tasks.items()},
    }))
"""


@pytest.fixture
def told(tmp_path: Path, launcher: Launcher) -> Told:
    """What a process of ours says that is started in the folder of a project."""
    (tmp_path / "data").mkdir()
    script = tmp_path / "data" / "told.py"
    script.write_text(TOLD)

    def ask(tasks: str, **environment: str) -> dict[str, Any]:
        kept = {
            name: value for name, value in os.environ.items() if not name.startswith(("CELERIAC_", "DJANGO"))
        }
        kept |= {"PYTHONPATH": f"{PROJECT}:{tmp_path}"} | environment
        log = tmp_path / "data" / "log"
        process = launcher.start(["python", str(script), str(tmp_path / "data"), tasks], log, kept, tmp_path)
        assert process.wait() == 0, log.read_text()
        found: dict[str, Any] = json.loads(log.read_text().splitlines()[-1])
        return found

    return ask


@pytest.fixture
def django_project(tmp_path: Path) -> Path:
    """A Django project with an app whose tasks use a model."""
    files = {
        "shop/__init__.py": "from .celery import celery_app\n",
        "shop/celery.py": "from celery import Celery\nfrom celery.schedules import crontab\n"
        "celery_app = Celery('shop')\n"
        "celery_app.config_from_object('django.conf:settings', namespace='CELERY')\n"
        "celery_app.autodiscover_tasks()\n",
        "shop/settings.py": "SECRET_KEY = 'x'\nINSTALLED_APPS = ['orders']\n"
        "DATABASES = {'default': {'ENGINE': 'django.db.backends.sqlite3', 'NAME': 'shop.db'}}\n"
        "CELERY_BROKER_URL = 'redis://127.0.0.1:1/0'\nUSE_TZ = True\n"
        "CELERY_BEAT_SCHEDULE = {'count': {'task': 'orders.tasks.count', 'schedule': 60.0}}\n",
        "orders/__init__.py": "",
        "orders/models.py": "from django.db import models\nclass Order(models.Model):\n"
        "    name = models.TextField()\n",
        "orders/tasks.py": "from celery import shared_task\nfrom orders.models import Order\n"
        "@shared_task\ndef count(name: str) -> int:\n    return Order.objects.filter(name=name).count()\n",
    }
    for name, text in files.items():
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
    return tmp_path


def test_a_django_project_is_set_up(django_project: Path, told: Told) -> None:
    found = told("orders.tasks,shop", DJANGO_SETTINGS_MODULE="shop.settings")
    assert found["checks"]["task modules"] == [True, "all can be imported", ""]
    assert found["tasks"]["orders.tasks.count"] == ["delay_on_commit", "progress"]
    ok, detail, hint = found["checks"]["celery objects"]
    assert not ok
    assert detail == "not used here: beat_schedule (count), broker_url of shop"
    assert "variables of the module" in hint


def test_a_django_project_that_is_not_named(django_project: Path, told: Told) -> None:
    ok, detail, hint = told("orders.tasks")["checks"]["task modules"]
    assert not ok
    assert detail.startswith("orders.tasks: ImproperlyConfigured: ")
    assert hint == "This is a Django project: set DJANGO_SETTINGS_MODULE, such as shop.settings."


def test_a_django_project_that_does_not_start(django_project: Path, told: Told) -> None:
    found = told("orders.tasks", DJANGO_SETTINGS_MODULE="shop.misspelt")
    ok, detail, hint = found["checks"]["task modules"]
    assert not ok
    assert "DJANGO_SETTINGS_MODULE=shop.misspelt: ModuleNotFoundError" in detail
    assert hint.startswith("Install what the Django project needs beside Celeriac")


def test_a_package_of_our_name(tmp_path: Path, told: Told) -> None:
    (tmp_path / "app").mkdir()
    (tmp_path / "app" / "__init__.py").touch()
    (tmp_path / "app" / "jobs.py").write_text("from celery import shared_task\n")
    ok, detail, hint = told("app,app.jobs")["checks"]["task modules"]
    assert not ok
    told_of = [f"{name}: {name} cannot be imported from your folder" for name in ("app", "app.jobs")]
    assert detail == "; ".join(told_of)
    assert hint.startswith("Celeriac's own package is called app, too.")


def test_a_celery_object_whose_configuration_counts_elsewhere(tmp_path: Path, told: Told) -> None:
    (tmp_path / "team.py").write_text(
        "from celery import Celery\nqueue = Celery('team', broker='redis://127.0.0.1:1/0')\n"
        "queue.conf.beat_schedule = {'nightly': {'task': 'team.work', 'schedule': 60}}\n"
        "queue.conf.task_routes = {'team.*': 'heavy'}\n"
        "@queue.task\ndef work(): pass\n"
    )
    (tmp_path / "jobs.py").write_text("from team import queue\n")
    (tmp_path / "quiet.py").write_text(
        "from celery import Celery\nother = Celery('quiet', broker='redis://127.0.0.1:1/0')\n"
    )
    ok, detail, _ = told("team,quiet")["checks"]["celery objects"]
    assert not ok
    assert detail == "not used here: broker_url of quiet; beat_schedule (nightly), broker_url of team"
    ok, detail, hint = told("jobs")["checks"]["celery objects"]
    assert (ok, detail) == (False, "not used here: beat_schedule (nightly), broker_url of team")
    ok, detail, hint = told("quiet")["checks"]["celery objects"]
    assert (ok, detail, hint) == (True, "not used here: broker_url of quiet", "")
