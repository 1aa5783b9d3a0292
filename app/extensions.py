"""The Flask extensions, unbound; `create_app` binds them."""

from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from typing import TYPE_CHECKING, Any, cast

from flask import current_app
from flask_login import LoginManager
from flask_sqlalchemy import SQLAlchemy
from flask_sqlalchemy.session import Session
from flask_wtf import CSRFProtect
from sqlalchemy import Engine, MetaData, event
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import DeclarativeBase, scoped_session
from werkzeug.local import LocalProxy

from app.errors import CeleriacError
from app.languages import Languages

if TYPE_CHECKING:
    from celery import Celery


class Base(DeclarativeBase):
    """Base of every model."""

    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
            "pk": "pk_%(table_name)s",
        }
    )


db = SQLAlchemy(model_class=Base)
csrf = CSRFProtect()
login = LoginManager()
babel = Languages()
# The Celery app of the current Flask app, as `current_app` is the Flask app.
celery_app = cast("Celery", LocalProxy(lambda: current_app.extensions["celery"]))


# Forty megabytes of log before it is written into the file: in a long history runs lie far apart, and pages
# that change again and again are then written once.
_PRAGMAS = (
    "journal_mode=WAL",
    "wal_autocheckpoint=10000",
    "synchronous=NORMAL",
    "foreign_keys=ON",
)


BUSY_SECONDS = 15.0  # that a writer waits for its turn


@event.listens_for(Engine, "connect")
def _prepare_sqlite(connection: Any, record: object) -> None:
    """WAL lets readers and one writer work side by side; a writer waits for its turn instead of failing."""
    if type(connection).__module__.startswith("sqlite3"):
        connection.isolation_level = None  # SQLAlchemy's BEGIN below, not the driver's own
        for pragma in (*_PRAGMAS, f"busy_timeout={int(1000 * BUSY_SECONDS)}"):
            connection.execute(f"PRAGMA {pragma}")


@event.listens_for(Engine, "begin")
def _begin_sqlite(connection: Any) -> None:
    """A transaction that is going to write (see `transaction`) takes SQLite's write lock first."""
    if connection.dialect.name == "sqlite":
        writes = connection.get_execution_options().get("writes", False)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


@contextmanager
def transaction() -> Iterator[scoped_session[Session]]:
    """One write transaction on `db.session`: committed at the end, rolled back on an exception.

    What the session read before is let go first: SQLite cannot turn a read transaction into a write
    one after another process has written. Domain functions that write use it; it does not nest.
    """
    db.session.commit()
    db.session.connection(execution_options={"writes": True})
    try:
        yield db.session
        db.session.commit()
    except BaseException:
        db.session.rollback()
        raise


@contextmanager
def unless_taken(column: str, refusal: CeleriacError) -> Iterator[None]:
    """Raise `refusal` where somebody took a unique value of this column between a look and the commit.

    Put around a `transaction()`.
    """
    try:
        yield
    except IntegrityError as error:
        if column not in str(error.orig):
            raise
        raise refusal from error


def insert_into(dialect: str, table: Any) -> Any:
    """An INSERT that may go ON CONFLICT; a dialect that is not in use is not imported: it takes megabytes."""
    return import_module(f"sqlalchemy.dialects.{dialect}").insert(table)
