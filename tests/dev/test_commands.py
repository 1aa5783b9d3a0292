"""Commands start without pages and API, which they do not show, and without what their neighbours need."""

import json
import os
import subprocess
import sys
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread

import click
import pytest

from app import cli, create_app, embedded_redis
from app.cli.on_demand import OnDemand
from app.config import PROJECT_DIR, Settings
from app.dev import __main__ as bin_dev


@pytest.mark.parametrize(
    ("called", "pages"),
    [
        ("flask --app wsgi recorder", False),
        ("/srv/.venv/bin/flask -A /srv/wsgi.py tokens create admin", False),
        ("flask --app=wsgi --debug users list", False),
        ("flask --app wsgi run", True),
        ("flask --app wsgi db upgrade", False),
        ("flask --app wsgi db -d app/migrations check", True),
        ("flask --app users routes", True),
        ("flask --app wsgi", True),
        ("flask --app wsgi --help", True),
        ("gunicorn wsgi:app", True),
        ("gunicorn recorder", True),
    ],
)
def test_what_shows_pages(called: str, pages: bool) -> None:
    assert cli.shows_pages(called.split()) is pages
    assert cli.has_commands(called.split()) is called.startswith(("flask", "/srv"))


def test_commands_are_there_without_pages(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path, base_url="http://localhost")
    app = create_app(settings, pages=False)
    context = click.Context(app.cli)
    assert app.cli.commands == {}  # each is imported when it is called
    assert set(app.cli.list_commands(context)) == cli.WITHOUT_PAGES
    assert all(app.cli.get_command(context, name) for name in cli.WITHOUT_PAGES)
    assert app.blueprints == {}
    web = create_app(settings, commands=False)
    assert web.blueprints
    assert web.cli.commands.keys().isdisjoint(app.cli.commands)


def test_the_address_for_agents_is_printed_alone(tmp_path: Path) -> None:
    socket, tcp = f"{embedded_redis.url(tmp_path)}\n", "redis://10.0.0.5:6379/0"
    for given, printed, said in ((None, socket, True), (tcp, f"{tcp}\n", False)):
        app = create_app(Settings(data_dir=tmp_path, redis_url=given), pages=False)
        with app.app_context():
            result = app.test_cli_runner().invoke(args=["agent-url"])
        assert result.stdout == printed
        assert ("start Celeriac with CELERIAC_REDIS_URL" in result.stderr) is said


def test_a_command_that_is_missing_stops_start_up(tmp_path: Path) -> None:
    app = create_app(Settings(data_dir=tmp_path), pages=False, commands=False)
    with pytest.raises(ModuleNotFoundError, match=r"app\.cli\.userz"):
        OnDemand(app, {"users": "app.cli.userz"})


# What others of these processes need, and megabytes of memory in each that need not have it.
NOT_FOR_ALL = {
    "alembic",
    "app.library.all_tasks",
    "flask_limiter",
    "flask_smorest",
    "limits",
    "prompt_toolkit",
    "psycopg",
    "pygments",
}


def loaded(code: str, data_dir: Path) -> set[str]:
    """The modules that a process has after this."""
    done = subprocess.run(
        [sys.executable, "-c", f"import sys, json\n{code}\nprint(json.dumps(list(sys.modules)))"],
        cwd=PROJECT_DIR,
        env=os.environ | {"CELERIAC_DATA_DIR": str(data_dir)},
        capture_output=True,
        text=True,
        check=True,
    )
    return set(json.loads(done.stdout.splitlines()[-1]))


def test_processes_load_what_they_need(tmp_path: Path) -> None:
    """One process becomes worker, beat and recorder, so far that each tells its options."""
    code = """
import gc
from app.dev.command import become
for words in ("celery -A celery_worker worker", "celery -A celery_worker beat", "flask --app wsgi recorder"):
    try:
        become(words.split()[0], [*words.split()[1:], "--help"])
    except SystemExit as done:
        assert done.code == 0, words
    assert gc.isenabled(), words
import app.beat.scheduler"""
    modules = loaded(code, tmp_path)
    assert {"celery.bin.worker", "app.recorder.recorder"} <= modules
    assert {
        name for name in modules if name in NOT_FOR_ALL or name.startswith(("app.pages", "app.api"))
    } == set()
    assert "sqlalchemy.dialects.postgresql" not in modules  # on SQLite


def test_who_only_waits_loads_next_to_nothing(tmp_path: Path) -> None:
    modules = loaded("import app.dev.__main__, app.cli.quick_health", tmp_path)
    assert modules & {"flask", "pydantic", "redis", "sqlalchemy", "psutil", "ssl"} == set()


class Alive(BaseHTTPRequestHandler):
    """A web process that answers."""

    def do_GET(self) -> None:
        self.send_response(200 if self.path == "/livez" else 404)
        self.end_headers()


@pytest.mark.parametrize("link", ["/login/link/abc", None])
def test_how_to_sign_in_is_said_when_somebody_can(
    link: str | None, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bin_dev, "READY_SECONDS", 1)
    monkeypatch.setattr(bin_dev, "TASKS_SECONDS", 0)  # no worker tells of its tasks here
    with HTTPServer(("127.0.0.1", 0), Alive) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        bin_dev._announce("127.0.0.1", server.server_port, link)
        server.shutdown()
    address = f"http://127.0.0.1:{server.server_port}"
    lines = capsys.readouterr().out.split("\n")
    assert f"Celeriac is up:      {address}" in lines
    assert [line.split()[-1] for line in lines if line.startswith("Sign in")] == (
        [address + link] if link else []
    )
