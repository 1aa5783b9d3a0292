"""Moves rows between files and SQL tables, in batches and in one transaction."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import islice
from typing import Any, Literal

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Connection,
    Date,
    DateTime,
    Double,
    Engine,
    Float,
    Integer,
    MetaData,
    Numeric,
    String,
    Table,
    Text,
    create_engine,
    func,
    insert,
    inspect,
    select,
)
from sqlalchemy.engine import make_url
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import NullPool
from sqlalchemy.types import NullType, TypeEngine

from app.library.data.kinds import Guess, Kind, convert
from app.library.data.readers import BadData, NumberedRow, Rows
from app.library.progress import Progress

Mode = Literal["append", "replace", "fail"]
BATCH_ROWS = 1000

COLUMN_TYPES: dict[Kind, TypeEngine[Any]] = {
    "boolean": Boolean(),
    "integer": BigInteger(),
    "float": Double(),
    "date": Date(),
    "datetime": DateTime(),
    "text": Text(),
}


@contextmanager
def connected(url: str, *, write: bool = False) -> Iterator[Engine]:
    """An engine for one task; pass `write` when its transaction is going to.

    On SQLite too a transaction covers DROP and CREATE TABLE: `app.extensions` begins it for every engine.
    """
    engine = create_engine(url, poolclass=NullPool, execution_options={"writes": write})
    try:
        yield engine
    finally:
        engine.dispose()


def safe_url(url: str) -> str:
    """The URL without its password."""
    return make_url(url).render_as_string(hide_password=True)


def guess_kinds(rows: Rows, progress: Progress) -> tuple[list[Kind], int]:
    """The kind of each column, from every value in the file, and the number of rows."""
    guesses = [Guess(rows.typed) for _ in rows.columns]
    count = 0
    for count, (_, row) in enumerate(rows.read(), start=1):
        for guess, value in zip(guesses, row, strict=True):
            guess.see(value)
        if count % BATCH_ROWS == 0:
            progress(0, None, f"{count:,} rows checked")
    return [guess.kind for guess in guesses], count


def import_rows(
    engine: Engine, name: str, rows: Rows, mode: Mode, all_text: bool, progress: Progress
) -> dict[str, Any]:
    """Write a file's rows into a table. Either all rows are in it afterwards, or nothing has changed.

    Raises `BadData`, naming row and column, for a value that does not fit, and `ValueError` when the
    table's existence or columns do not suit the mode.
    """
    guessed, total = guess_kinds(rows, progress)
    column_kinds: list[Kind] = ["text"] * len(guessed) if all_text else guessed
    with engine.begin() as connection:
        table, kinds, created = _table_for(connection, name, rows.columns, column_kinds, mode)
        done = 0
        numbered = rows.read()
        while batch := list(islice(numbered, BATCH_ROWS)):
            _insert(connection, table, batch, rows.columns, kinds)
            done += len(batch)
            progress(done, total, f"{done:,} of {total:,} rows")
    return {"rows": done, "created": created, "columns": dict(zip(rows.columns, kinds, strict=True))}


def _table_for(
    connection: Connection, name: str, columns: list[str], column_kinds: list[Kind], mode: Mode
) -> tuple[Table, list[Kind], bool]:
    """The table to insert into, its columns' kinds, and whether it was made now."""
    exists = inspect(connection).has_table(name)
    if exists and mode == "fail":
        raise ValueError(f"The table {name} exists already; choose append or replace")
    if exists and mode == "append":
        table = reflect(connection, name)
        return table, [_kind(connection, table, column) for column in columns], False
    if exists:
        reflect(connection, name).drop(connection)
    table = Table(name, MetaData(), *_new_columns(columns, column_kinds), quote=True)
    table.create(connection)
    return table, column_kinds, True


def _new_columns(columns: list[str], kinds: list[Kind]) -> list[Column[Any]]:
    return [Column(name, COLUMN_TYPES[kind], quote=True) for name, kind in zip(columns, kinds, strict=True)]


def reflect(connection: Connection, name: str) -> Table:
    """The table as it is in the database; raises `ValueError` when there is none."""
    if not inspect(connection).has_table(name):
        names = ", ".join(sorted(inspect(connection).get_table_names())) or "none"
        raise ValueError(f"There is no table {name}; the database has: {names}")
    return Table(name, MetaData(), autoload_with=connection, resolve_fks=False, quote=True)


def _kind(connection: Connection, table: Table, name: str) -> Kind:
    """The kind that a column of an existing table takes."""
    if name not in table.columns:
        has = ", ".join(column.name for column in table.columns)
        raise ValueError(f"The table {table.name} has no column {name!r}; it has: {has}")
    kind = kind_of_type(table.columns[name].type)
    if kind is None:
        raise ValueError(f"Column {name!r} has type {table.columns[name].type}, which import cannot fill")
    # SQLite keeps decimals as floating-point numbers whatever one gives it.
    return "float" if kind == "decimal" and connection.dialect.name == "sqlite" else kind


def kind_of_type(column_type: TypeEngine[Any]) -> Kind | None:
    """The kind of value that a column of an SQL type takes, or None for types that import does not know."""
    by_type: list[tuple[type[TypeEngine[Any]], Kind]] = [
        (Boolean, "boolean"),
        (Integer, "integer"),
        (Float, "float"),  # before Numeric, of which it is one
        (Numeric, "decimal"),
        (DateTime, "datetime"),
        (Date, "date"),
        (String, "text"),
        (NullType, "text"),
    ]
    return next((kind for known, kind in by_type if isinstance(column_type, known)), None)


def _insert(
    connection: Connection, table: Table, batch: list[NumberedRow], columns: list[str], kinds: list[Kind]
) -> None:
    values = [_converted(number, row, columns, kinds) for number, row in batch]
    try:
        with connection.begin_nested():
            connection.execute(insert(table), values)
    except DBAPIError as error:
        _name_bad_row(connection, table, batch, values)
        raise BadData(f"Rows {batch[0][0]} to {batch[-1][0]}: {first_line(error)}") from error


def _converted(number: int, row: Sequence[Any], columns: list[str], kinds: list[Kind]) -> dict[str, Any]:
    converted = {}
    for name, kind, value in zip(columns, kinds, row, strict=True):
        try:
            converted[name] = convert(value, kind)
        except ValueError as error:
            raise BadData(f"Row {number}, column {name!r}: {error}") from None
    return converted


def _name_bad_row(
    connection: Connection, table: Table, batch: list[NumberedRow], values: list[dict[str, Any]]
) -> None:
    """Insert a refused batch row by row, to raise `BadData` with the number of the row that is at fault."""
    for (number, _), row in zip(batch, values, strict=True):
        try:
            with connection.begin_nested():
                connection.execute(insert(table), row)
        except DBAPIError as error:
            raise BadData(f"Row {number}: {first_line(error)}") from error


def first_line(error: DBAPIError) -> str:
    """What the database said, without SQLAlchemy's additions."""
    return " ".join(str(error.orig).split("\n", 2)[:2])


def count_rows(connection: Connection, table: Table) -> int:
    return connection.execute(select(func.count()).select_from(table)).scalar_one()


def read_rows(
    connection: Connection, table: Table, columns: Sequence[str], total: int, progress: Progress
) -> Iterator[Sequence[Any]]:
    """The table's rows in the order of its primary key, read in batches."""
    query = select(*(table.columns[name] for name in columns)).order_by(*table.primary_key.columns)
    result = connection.execution_options(yield_per=BATCH_ROWS).execute(query)
    done = 0
    for batch in result.partitions():
        yield from batch
        done += len(batch)
        progress(done, total, f"{done:,} of {total:,} rows")
