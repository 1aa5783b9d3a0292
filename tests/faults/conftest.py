"""Takes the database away from every process, and gives it back."""

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing, contextmanager
from pathlib import Path

import psycopg
import pytest
from flask import Flask

from app.extensions import db


@pytest.fixture
def database_away(app: Flask) -> Callable[[], AbstractContextManager[None]]:
    """`with database_away():` nobody can read (PostgreSQL) or write (both) it meanwhile."""

    @contextmanager
    def away() -> Iterator[None]:
        url = app.config["SQLALCHEMY_DATABASE_URI"]
        db.session.remove()
        if url.startswith("sqlite"):
            path = Path(url.removeprefix("sqlite:///"))
            with closing(sqlite3.connect(path, isolation_level=None)) as connection:
                connection.execute("BEGIN EXCLUSIVE")
                yield
                connection.execute("ROLLBACK")
            return
        other = url.replace("postgresql+psycopg", "postgresql").replace("/celeriac?", "/postgres?")
        with psycopg.connect(other, autocommit=True) as connection:
            connection.execute("ALTER DATABASE celeriac ALLOW_CONNECTIONS false")
            connection.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = 'celeriac'"
            )
            try:
                yield
            finally:
                connection.execute("ALTER DATABASE celeriac ALLOW_CONNECTIONS true")
        db.engine.dispose()

    return away
