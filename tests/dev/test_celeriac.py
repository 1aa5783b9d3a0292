"""`bin/celeriac` as a user has it: from any folder, with own tasks of that folder."""

import os
import re
import sqlite3
import subprocess
from collections.abc import Callable
from contextlib import closing
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


def test_users_tokens_files_and_backups(celeriac: Celeriac, tmp_path: Path) -> None:
    """Files stand where one is, tokens are printed alone, own tasks are found."""
    assert celeriac("db", "upgrade").returncode == 0
    assert "Created mei, operator." in celeriac("users", "create", "mei", "--role", "operator").stdout
    assert re.fullmatch(r"cel_\S+\n", celeriac("tokens", "create", "mei").stdout)
    assert celeriac("schedules", "export", "schedules.yaml").returncode == 0
    assert (tmp_path / "team" / "schedules.yaml").is_file()
    doctor = celeriac("doctor")
    assert doctor.returncode == 1  # nothing else is running
    assert re.search(r"^ok +task modules +all can be imported$", doctor.stdout, re.MULTILINE)
    backup = Path(celeriac("backup").stdout.strip())
    with closing(sqlite3.connect(backup)) as connection:
        assert connection.execute("SELECT name FROM users").fetchall() == [("mei",)]


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
