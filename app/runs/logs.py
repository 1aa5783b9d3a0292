"""The log of a run in the history: pieces as they came, put together when they are read."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, cast

from sqlalchemy import JSON, String, Table, delete, func, select
from sqlalchemy.orm import Mapped, mapped_column

from app.extensions import Base, db, insert_into
from app.text import storable


class LogPiece(Base):
    """Some lines of one attempt, each `[number, epoch second, level, text]`; numbers count from 1.

    An attempt is known by when it started, for a run whose worker died is tried again under its number.
    `piece` counts from 0; the newest lines of a long log lie in `celeriac_agent.logs.TAIL`.
    """

    __tablename__ = "run_logs"

    run_id: Mapped[str] = mapped_column(String(255), primary_key=True)
    started_at: Mapped[float] = mapped_column(primary_key=True)
    piece: Mapped[int] = mapped_column(primary_key=True)
    last: Mapped[int]  # the number of its last line
    lines: Mapped[list[Any]] = mapped_column(JSON)


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
    insert = insert_into(connection.dialect.name, _TABLE)
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


@dataclass(frozen=True)
class LogLine:
    """One line; `number` counts from 1 over all attempts. `left_out` lines before it were not kept."""

    number: int
    at: datetime
    level: str
    text: str
    left_out: int = 0


@dataclass(frozen=True)
class Log:
    """Lines of a run, and the number to ask after for the next ones."""

    lines: list[LogLine] = field(default_factory=list)
    after: int = 0


def read(run_id: str, after: int = 0, limit: int = 1000) -> Log:
    """Up to `limit` lines behind number `after`, oldest first."""
    lines: list[LogLine] = []
    seen = after
    for base, piece in _pieces(run_id, after):
        for number, at, level, text in piece.lines:
            if base + number <= seen:
                continue
            if len(lines) == limit:
                return Log(lines, seen)
            lines.append(
                LogLine(base + number, datetime.fromtimestamp(at, UTC), level, text, base + number - seen - 1)
            )
            seen = base + number
    return Log(lines, seen)


def _pieces(run_id: str, after: int) -> list[tuple[int, LogPiece]]:
    """The pieces with lines behind `after`, in order, each with the number of lines before its attempt."""
    ends = db.session.execute(
        select(LogPiece.started_at, func.max(LogPiece.last))
        .where(LogPiece.run_id == run_id)
        .group_by(LogPiece.started_at)
        .order_by(LogPiece.started_at)
    ).all()
    pieces: list[tuple[int, LogPiece]] = []
    base = 0
    for started_at, last in ends:
        if base + last > after:
            query = select(LogPiece).where(
                LogPiece.run_id == run_id, LogPiece.started_at == started_at, LogPiece.last > after - base
            )
            pieces += [(base, piece) for piece in db.session.scalars(query.order_by(LogPiece.piece))]
        base += last
    return pieces
