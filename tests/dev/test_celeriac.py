"""`bin/celeriac` as a user has it: from any folder, with own tasks of that folder."""

import os
import re
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

PROJECT = Path(__file__).resolve().parent.parent.parent

JOBS = '''
from celery import shared_task

@shared_task
def greet(name: str) -> str:
    """Greet somebody."""
    return f"hello {name}"
'''

Celeriac = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def celeriac(tmp_path: Path) -> Celeriac:
    """Runs `bin/celeriac` in a folder with own tasks, on data of its own."""
    folder = tmp_path / "team"
    (folder / "app").mkdir(parents=True)
    (folder / "app" / "__init__.py").write_text("raise ImportError('not ours')\n")
    (folder / "jobs.py").write_text(JOBS)

    def run(*arguments: str, **settings: str) -> subprocess.CompletedProcess[str]:
        environment = {name: value for name, value in os.environ.items() if not name.startswith("CELERIAC_")}
        environment |= {"CELERIAC_DATA_DIR": str(tmp_path / "data"), "CELERIAC_TASKS": "jobs"} | settings
        command = [str(PROJECT / "bin/celeriac"), *arguments]
        return subprocess.run(
            command, cwd=folder, env=environment, capture_output=True, text=True, check=False, timeout=120
        )

    return run


def test_files_and_own_tasks_of_where_one_is(celeriac: Celeriac, tmp_path: Path) -> None:
    assert celeriac("db", "upgrade").returncode == 0
    assert celeriac("schedules", "export", "schedules.yaml").returncode == 0
    assert (tmp_path / "team" / "schedules.yaml").is_file()
    doctor = celeriac("doctor")
    assert doctor.returncode == 1  # nothing else is running
    assert re.search(r"^ok +task modules +all can be imported$", doctor.stdout, re.MULTILINE)


def test_a_process_takes_options_of_its_program(celeriac: Celeriac) -> None:
    told = celeriac("worker", "--concurrency", "3", "--help")
    assert told.returncode == 0
    assert "celery -A celery_worker worker" in told.stdout


@pytest.mark.parametrize(
    ("arguments", "settings", "words"),
    [
        (["web"], {"PORT": "eighty"}, "bin/celeriac: PORT=eighty: allowed: a number from 1 to 65535"),
        (["worker"], {"CELERIAC_CONCURRENCY": "0"}, "CELERIAC_CONCURRENCY=0"),
        (["wroker"], {}, "No such command 'wroker'"),
        (["backup"], {}, "There is no database file"),
    ],
)
def test_what_cannot_be_done_is_said(
    celeriac: Celeriac, arguments: list[str], settings: dict[str, str], words: str
) -> None:
    done = celeriac(*arguments, **settings)
    assert done.returncode != 0
    assert words in done.stderr
    assert "Traceback" not in done.stderr
