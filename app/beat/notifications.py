"""PostgreSQL's own wake-ups: the trigger of the schedules' table notifies, also of edits made in SQL."""

import select
from collections.abc import Callable
from typing import Any

import psycopg
from psycopg import Error as Error
from sqlalchemy import Engine

CHANNEL = "celeriac_schedules"
WAIT_SECONDS = 5.0


def listen(engine: Engine, on_wake: Callable[[], None], stopped: Callable[[], bool]) -> None:
    """Call `on_wake` for every notification, and once after LISTEN; returns when `stopped()`.

    Raises `psycopg.Error` when the connection breaks: the caller listens again. It sleeps in one system
    call, whereas psycopg's own `notifies` wakes ten times a second.
    """
    with _connect(engine) as connection:
        connection.execute(f"LISTEN {CHANNEL}")
        on_wake()
        while not stopped():
            if select.select([connection.fileno()], [], [], WAIT_SECONDS)[0]:
                connection.pgconn.consume_input()
                while connection.pgconn.notifies():
                    pass
                on_wake()


def _connect(engine: Engine) -> psycopg.Connection[Any]:
    """A connection of its own: one from the pool must not be kept."""
    arguments, options = engine.dialect.create_connect_args(engine.url)
    return psycopg.connect(*arguments, **options, autocommit=True, connect_timeout=5, keepalives_idle=30)
