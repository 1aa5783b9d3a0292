"""Writes pieces of logs as the recorder reads of them, and deletes them with their runs."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, cast

from sqlalchemy import Table, delete
from sqlalchemy.dialects import postgresql, sqlite

from app.extensions import db
from app.runs.logs.models import LogPiece
from app.runs.text import storable

_TABLE = cast(Table, LogPiece.__table__)
_KEY = ("run_id", "started_at", "piece")


def keep(events: Iterable[Mapping[str, Any]]) -> None:
    """Write the pieces that `log` events carry, inside the caller's transaction.

    Events may come twice and in any order: of the same piece the one that reaches furthest counts.
    """
    newest: dict[tuple[Any, ...], dict[str, Any]] = {}
    for event in events:
        row = _row(event)
        key = tuple(row[name] for name in _KEY)
        if key not in newest or row["last"] > newest[key]["last"]:
            newest[key] = row
    if not newest:
        return
    connection = db.session.connection()
    dialect = postgresql if connection.dialect.name == "postgresql" else sqlite
    insert: Any = dialect.insert(_TABLE)
    new = insert.excluded
    statement = insert.on_conflict_do_update(
        index_elements=list(_KEY),
        set_={"last": new.last, "lines": new.lines},
        where=_TABLE.c.last < new.last,
    )
    connection.execute(statement, [newest[key] for key in sorted(newest)])


def forget(run_ids: Sequence[str]) -> None:
    """Delete the logs of runs, inside the caller's transaction."""
    db.session.execute(
        delete(LogPiece).where(LogPiece.run_id.in_(run_ids)).execution_options(synchronize_session=False)
    )


def _row(event: Mapping[str, Any]) -> dict[str, Any]:
    lines = [
        [int(number), float(at), str(level), storable(str(text))]
        for number, at, level, text in event["lines"]
    ]
    return {
        "run_id": event["id"],
        "started_at": float(event["started_at"]),
        "piece": int(event["piece"]),
        "last": lines[-1][0],
        "lines": lines,
    }
