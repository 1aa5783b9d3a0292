"""Writes many rows of runs in one statement, the quick way of each database."""

import json
from collections.abc import Iterable, Sequence
from typing import Any, cast

from sqlalchemy import JSON, DateTime, Select, Table, Text, bindparam, column, func, select, update
from sqlalchemy.types import TypeEngine

from app.clock import UTCDateTime
from app.extensions import db, insert_into
from app.runs.creation import Row
from app.runs.folding import COLUMNS
from app.runs.models import Run

_TABLE = cast(Table, Run.__table__)
FOLDED = [_TABLE.c[name] for name in COLUMNS]


def insert_new(rows: Sequence[Row], columns: Sequence[str] = COLUMNS) -> set[str]:
    """Insert rows inside the caller's transaction; returns the ids that were not there before.

    Each row has exactly these columns.
    """
    if not rows:
        return set()
    connection = db.session.connection()
    if connection.dialect.name == "postgresql":
        statement = insert_into("postgresql", _TABLE).from_select(columns, _arrays(columns))
        made = connection.execute(
            statement.on_conflict_do_nothing(index_elements=["id"]).returning(_TABLE.c.id),
            _columnar(rows, columns),
        )
    else:
        plain = insert_into("sqlite", _TABLE).on_conflict_do_nothing(index_elements=["id"])
        made = connection.execute(plain.returning(_TABLE.c.id), list(rows))
    return set(made.scalars())


def update_all(rows: Sequence[Row]) -> None:
    """Write the folded columns of rows that exist, inside the caller's transaction."""
    if not rows:
        return
    connection = db.session.connection()
    names = [name for name in COLUMNS if name != "id"]
    if connection.dialect.name == "postgresql":
        new = _arrays(COLUMNS).subquery("new")
        statement = (
            update(_TABLE).where(_TABLE.c.id == new.c.id).values({name: new.c[name] for name in names})
        )
        connection.execute(statement, _columnar(rows, COLUMNS))
        return
    upsert = insert_into("sqlite", _TABLE)
    upsert = upsert.on_conflict_do_update(
        index_elements=["id"], set_={name: upsert.excluded[name] for name in names}
    )
    connection.execute(upsert.returning(_TABLE.c.id), list(rows)).close()


def _arrays(names: Sequence[str]) -> Select[Any]:
    """Rows from one array a column: psycopg parses one parameter a column, however many rows there are."""
    from sqlalchemy.dialects.postgresql import ARRAY  # on SQLite nobody comes here

    table_columns = [_TABLE.c[name] for name in names]
    arrays = (bindparam(f"all_{col.name}", type_=ARRAY(_wire(col.type))) for col in table_columns)
    columns = (column(col.name, _wire(col.type)) for col in table_columns)
    source = func.unnest(*arrays).table_valued(*columns, name="source").render_derived()
    return select(*(_stored(source.c[col.name], col.type).label(col.name) for col in table_columns))


def _wire(kind: TypeEngine[Any]) -> TypeEngine[Any]:
    """The type in which a column's values travel inside an array."""
    if isinstance(kind, JSON):
        return Text()
    return DateTime(timezone=True) if isinstance(kind, UTCDateTime) else kind


def _stored(value: Any, kind: TypeEngine[Any]) -> Any:
    return value.cast(JSON()) if isinstance(kind, JSON) else value


def _columnar(rows: Sequence[Row], names: Sequence[str]) -> dict[str, list[Any]]:
    return {f"all_{name}": list(_values(rows, name, isinstance(_TABLE.c[name].type, JSON))) for name in names}


def _values(rows: Sequence[Row], name: str, as_json: bool) -> Iterable[Any]:
    for row in rows:
        value = row[name]
        yield json.dumps(value) if as_json and value is not None else value
