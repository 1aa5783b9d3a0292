"""Takes the database away from every process, and gives it back."""

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing, contextmanager
from pathlib import Path

import psycopg
import pytest
from flask import Flask
from sqlalchemy import make_url

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
        name = str(make_url(url).database)
        other = url.replace("postgresql+psycopg", "postgresql").replace(f"/{name}?", "/postgres?")
        with psycopg.connect(other, autocommit=True) as connection:
            connection.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS false")
            connection.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", (name,)
            )
            try:
                yield
            finally:
                connection.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS true")
        db.engine.dispose()

    return away
