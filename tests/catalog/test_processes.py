"""What each process imports.

The code of tasks: a worker alone. Web, beat, recorder and commands live on what it published.
"""

import json
import subprocess
import sys
from typing import Any

from app.config import PROJECT_DIR

# Each kind of process is a fork of one that has imported what any of them may.
LOOK = """
import json, os, sys
from importlib import import_module
from app import features


def look(name, works, unwanted):
    child = os.fork()
    if not child:
        exec(works)
        found = [module for module in sys.modules if module.startswith(tuple(unwanted))]
        print(json.dumps([name, found]), flush=True)
        os._exit(0)
    os.waitpid(child, 0)


worker, others = json.loads(sys.argv[2])
for name in features.PAGES:
    import_module(name)
look("worker", *worker)
for name in (*features.COMMANDS.values(), "app.recorder.recorder", "app.beat.scheduler"):
    import_module(name)
for name, (works, unwanted) in others.items():
    look(name, works, unwanted)
"""
TASKS = ("sample_tasks", "app.alerts.tasks", "app.library.files", "app.library.examples")
# A worker starts without what only a run of some task needs.
HEAVY = ("PIL", "openpyxl", "bs4", "requests", "alembic", "sqlalchemy.dialects.postgresql")
WORKER = """
from app import create_app, own_tasks
app = create_app(commands=False)
own_tasks.load(app)
assert "images.resize_folder" in app.extensions["celery"].tasks
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


def test_only_workers_import_tasks_and_nobody_what_is_heavy(processes: Any, caller: Any) -> None:
    others = {name: (works, TASKS) for name, works in WORKS.items()}
    wanted = json.dumps([(WORKER, HEAVY), others])
    code = [sys.executable, "-c", LOOK, caller("operator").secret, wanted]
    done = subprocess.run(code, cwd=PROJECT_DIR, env=processes.environment, capture_output=True, text=True)
    told = dict(json.loads(line) for line in done.stdout.splitlines() if line.startswith('["'))
    assert told == {name: [] for name in ("worker", *WORKS)}, done.stderr
