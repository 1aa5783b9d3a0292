"""Who imports the code of tasks: a worker. Web, beat, recorder and commands live on what it published."""

import json
import subprocess
import sys
from typing import Any

import pytest

from app.config import PROJECT_DIR

LOOK = """
import json, sys
{works}
theirs = ("sample_tasks", "app.alerts.tasks", "app.library.files", "app.library.examples")
print(json.dumps([name for name in sys.modules if name.startswith(theirs)]))
"""
WORKS = {
    "web": """
from wsgi import app
browser, headers = app.test_client(), {"Authorization": "Bearer " + sys.argv[1]}
named = "/api/v1/tasks/sample_tasks.weekday"
assert "day" in browser.get(named, headers=headers).json["parameters"]["properties"]
body = {"task_name": "sample_tasks.weekday", "kwargs": {"day": "soon"}}
assert browser.post("/api/v1/runs", json=body, headers=headers).status_code == 422
body["kwargs"]["day"] = "2026-11-22"
assert browser.post("/api/v1/runs", json=body, headers=headers).status_code == 202
""",
    "recorder": """
from app import broker, create_app
from app.clock import utcnow
from app.recorder.recorder import Recorder
app = create_app(pages=False, commands=False)
with app.app_context():
    recorder = Recorder(app, broker.client())
recorder.turn(utcnow())
recorder.sweep(utcnow())
""",
    "beat": """
import celery_worker
from app.beat.scheduler import BeatScheduler
from app.clock import utcnow
celery_worker.celery.Beat().init_loader()
with celery_worker.celery.Task.flask_app.app_context():
    BeatScheduler(app=celery_worker.celery, lazy=True).work(utcnow())
""",
    "commands": """
sys.argv = ["flask", "doctor"]
from wsgi import app
with app.app_context():
    told = app.test_cli_runner().invoke(args=["doctor"])
assert "all can be imported" in told.output, told
""",
}


@pytest.mark.parametrize("works", WORKS.values(), ids=list(WORKS))
def test_only_workers_import_tasks(processes: Any, caller: Any, works: str) -> None:
    code = [sys.executable, "-c", LOOK.format(works=works), caller("operator").secret]
    done = subprocess.run(code, cwd=PROJECT_DIR, env=processes.environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout.splitlines()[-1]) == []
