"""Who imports the code of tasks: a worker. Web, beat, recorder and commands read what it published."""

import json
import subprocess
import sys

import pytest

from app.config import PROJECT_DIR

LOOK = """
import json, sys
{start}
theirs = ("sample_tasks", "app.alerts.tasks", "app.library.files", "app.library.examples")
print(json.dumps([name for name in sys.modules if name.startswith(theirs)]))
"""
STARTS = {
    "web": "import wsgi",
    "commands": "sys.argv = ['flask', 'recorder']; import wsgi",
    "beat": "import celery_worker, app.beat.scheduler; celery_worker.celery.Beat().init_loader()",
}


@pytest.mark.parametrize("start", STARTS.values(), ids=list(STARTS))
def test_only_workers_import_tasks(processes: object, start: str) -> None:
    environment = processes.environment  # type: ignore[attr-defined]
    code = [sys.executable, "-c", LOOK.format(start=start)]
    done = subprocess.run(code, cwd=PROJECT_DIR, env=environment, capture_output=True, text=True, check=True)
    assert json.loads(done.stdout.splitlines()[-1]) == []
