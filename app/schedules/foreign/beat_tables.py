"""The tables of django-celery-beat and sqlalchemy-celery-beat, read by their columns and never written.

A column that an older version lacks counts as empty. PostgreSQL is told that nothing is to be written, a file
of SQLite is opened for reading alone.
"""

import sqlite3
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from flask_babel import gettext as _
from sqlalchemy import Connection, column, create_engine, inspect, select, table
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, NoSuchModuleError, SQLAlchemyError
from sqlalchemy.pool import NullPool

from app.schedules.foreign.entries import (
    ENTRIES_MAX,
    Clocked,
    Crontab,
    Entry,
    EntryTiming,
    Interval,
    Other,
    Reading,
    Unreadable,
    moment,
    parsed,
    solar,
)

CONNECT_SECONDS = 3
ANSWER_SECONDS = 5
_PERIODS = {"days": 86_400.0, "hours": 3600.0, "minutes": 60.0, "seconds": 1.0, "microseconds": 1e-6}

Row = Mapping[str, Any]
Rows = dict[int, Row]


def read_django(url: str) -> Reading:
    """The schedules of django-celery-beat; raises `Unreadable`."""
    with _opened(url) as tables:
        tasks = tables.rows("django_celery_beat_periodictask", "name")
        kinds = {
            name: tables.by_id(f"django_celery_beat_{name}schedule")
            for name in ("crontab", "interval", "solar", "clocked")
        }
    return _reading(tasks, lambda row: _of_django(row, kinds))


def read_sqlalchemy(url: str) -> Reading:
    """The schedules of sqlalchemy-celery-beat, in whatever schema they are; raises `Unreadable`."""
    with _opened(url) as tables:
        tasks = tables.rows("celery_periodictask", "name")
        names = ("crontabschedule", "intervalschedule", "solarschedule", "clockedschedule")
        kinds = {name: tables.by_id(f"celery_{name}") for name in names}

    def timing(row: Row) -> tuple[str, Row | None]:
        kind = str(row.get("discriminator"))
        return kind.removesuffix("schedule"), kinds.get(kind, {}).get(row.get("schedule_id") or 0)

    return _reading(tasks, timing)


def _of_django(row: Row, kinds: Mapping[str, Rows]) -> tuple[str, Row | None]:
    for name, rows in kinds.items():
        if row.get(f"{name}_id") is not None:
            return name, rows.get(row[f"{name}_id"])
    return "", None


def _reading(rows: list[Row], timing: Callable[[Row], tuple[str, Row | None]]) -> Reading:
    entries = [_entry(row, *timing(row)) for row in rows[:ENTRIES_MAX]]
    return Reading(entries, left_out=max(len(rows) - ENTRIES_MAX, 0))


def _entry(row: Row, kind: str, timed_by: Row | None) -> Entry:
    args, problems = parsed(row.get("args"), list, "args")
    kwargs, more = parsed(row.get("kwargs"), dict, "kwargs")
    headers, unread = parsed(row.get("headers"), dict, "headers")
    problems += [*more, *unread]
    if headers:
        problems.append(_("It sends headers (%(names)s), which Celeriac does not.", names=", ".join(headers)))
    if row.get("exchange") or row.get("routing_key"):
        problems.append(_("It goes by an exchange or routing key. Celeriac sends to a queue by its name."))
    moments: dict[str, Any] = {}
    for name in ("last_run_at", "start_time", "expires"):
        try:
            moments[name] = moment(row.get(name))
        except ValueError:
            problems.append(_("Its %(name)s is no moment.", name=name))
    return Entry(
        name=str(row["name"]),
        task_name=str(row["task"]),
        timing=_timing(kind, timed_by),
        args=args,
        kwargs=kwargs,
        timezone=str((timed_by or {}).get("timezone") or "UTC") if kind == "crontab" else "UTC",
        enabled=bool(row.get("enabled")),
        queue=row.get("queue") or None,
        priority=row.get("priority"),
        message_ttl_seconds=row.get("expire_seconds") or None,
        starts_at=moments.get("start_time"),
        ends_at=moments.get("expires"),
        one_off=bool(row.get("one_off")),
        fires_at_start=True,
        last_run_at=moments.get("last_run_at"),
        run_count=int(row.get("total_run_count") or 0),
        note=str(row.get("description") or ""),
        problems=problems,
    )


def _timing(kind: str, row: Row | None) -> EntryTiming:
    if row is None:
        return Other("", _("Its timing is not there."))
    try:
        match kind:
            case "crontab":
                names = ("minute", "hour", "day_of_month", "month_of_year", "day_of_week")
                return Crontab(*(str(row[name]) for name in names))
            case "interval":
                return Interval(int(row["every"]) * _PERIODS[str(row["period"])])
            case "solar":
                return solar(row["event"], row["latitude"], row["longitude"])
            case "clocked" if at := moment(row["clocked_time"]):
                return Clocked(at)
    except (KeyError, ValueError, TypeError):
        pass
    return Other(kind, _("Its timing cannot be read."))


class _ReadOnly(sqlite3.Connection):
    """A connection to somebody else's file, in which `extensions` sets nothing: WAL would write it."""


class _Tables:
    """The tables of a database in the schema where they are."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._inspector = inspect(connection)
        self._schema: str | None = None

    def rows(self, name: str, order: str) -> list[Row]:
        """The rows of the table that says where the others are; raises `Unreadable` when it is not there."""
        if not self._inspector.has_table(name):
            self._schema = next(
                (
                    schema
                    for schema in self._inspector.get_schema_names()
                    if self._inspector.has_table(name, schema)
                ),
                None,
            )
            if self._schema is None:
                raise Unreadable(_("There is no table %(name)s.", name=name))
        return self._all(name, order, ENTRIES_MAX + 1)

    def by_id(self, name: str) -> Rows:
        """The rows of another table, none when it is not there."""
        if not self._inspector.has_table(name, self._schema):
            return {}
        return {row["id"]: row for row in self._all(name, "id", None)}

    def _all(self, name: str, order: str, limit: int | None) -> list[Row]:
        """Values as the driver gives them: one that is not what its column says spoils no other."""
        names = [column_facts["name"] for column_facts in self._inspector.get_columns(name, self._schema)]
        chosen = table(name, *(column(column_name) for column_name in names), schema=self._schema)
        query = select(chosen).order_by(chosen.c[order]).limit(limit)
        return [dict(row._mapping) for row in self._connection.execute(query)]


@contextmanager
def _opened(url: str) -> Iterator[_Tables]:
    try:
        where = make_url(url)
        engine = create_engine(_for_reading(where), poolclass=NullPool, connect_args=_limits(where))
        with engine.connect() as connection:
            yield _Tables(connection)
    except (NoSuchModuleError, ImportError) as error:
        raise Unreadable(_("There is no driver for this database: %(why)s", why=error)) from None
    except (ArgumentError, ValueError) as error:
        raise Unreadable(_("This is no URL of a database: %(why)s", why=error)) from None
    except SQLAlchemyError as error:
        why = str(getattr(error, "orig", None) or error).strip().splitlines()[0]
        raise Unreadable(_("The database cannot be read: %(why)s", why=why)) from None


def _for_reading(url: URL) -> URL:
    backend = url.get_backend_name()
    if backend == "postgresql" or url.drivername == "postgres":
        return url.set(drivername="postgresql+psycopg")
    if backend == "sqlite" and url.database and not url.database.startswith("file:"):
        return url.set(database=f"file:{url.database}", query={"mode": "ro", "uri": "true"})
    return url


def _limits(url: URL) -> dict[str, Any]:
    if url.drivername.startswith("postgres"):
        answers = f"-c default_transaction_read_only=on -c statement_timeout={ANSWER_SECONDS * 1000}"
        return {"connect_timeout": CONNECT_SECONDS, "options": answers}
    return {"timeout": ANSWER_SECONDS, "factory": _ReadOnly} if url.get_backend_name() == "sqlite" else {}
