"""Schedulers as the real packages left them: their tables and keys, recorded once (versions in the names).

Each was made by the package itself, by its models or entries: django-celery-beat 2.9.0 on Django 5.2,
sqlalchemy-celery-beat 0.9.1 on SQLAlchemy 2.1 (on PostgreSQL in a schema of its own), RedBeat 2.4.2 with
Celery 5.7.
"""

import json
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
import redis as redis_client
from flask import Flask

from app.schedules import foreign

RECORDED = Path(__file__).parent / "recorded"
Sqlite = Callable[[str], str]


@pytest.fixture
def sqlite(tmp_path: Path) -> Sqlite:
    """`sqlite(package)`: the URL of a file with what that package left in it."""

    def make(package: str) -> str:
        (recorded,) = RECORDED.glob(f"{package}-*.sqlite.sql")
        with closing(sqlite3.connect(tmp_path / "beat.db")) as connection:
            connection.executescript(f"BEGIN; {recorded.read_text()}; COMMIT")  # not a write to the disk each
        return f"sqlite:///{tmp_path}/beat.db"

    return make


@pytest.fixture
def django(app: Flask, sqlite: Sqlite) -> foreign.Source:
    return foreign.of_url("django-celery-beat", sqlite("django-celery-beat"))


@pytest.fixture
def redbeat(app: Flask, redis: redis_client.Redis) -> str:
    """The URL of a Redis with what RedBeat left in it, but for the lock of its scheduler."""
    told = json.loads((RECORDED / "celery-redbeat-2.4.2.json").read_text())
    for key, fields in told["hashes"].items():
        redis.hset(key, mapping=fields)
    redis.zadd("redbeat::schedule", dict(told["zset"]))
    return url_of(redis)


def url_of(client: redis_client.Redis) -> str:
    """The URL of the Redis of the tests."""
    said = client.connection_pool.connection_kwargs
    return f"unix://:{said['password']}@{said['path']}?db=0"
