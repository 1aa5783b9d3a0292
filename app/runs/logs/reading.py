"""Puts the pieces of a run's log together."""

from dataclasses import dataclass, field
from datetime import UTC, datetime

from sqlalchemy import func, select

from app.extensions import db
from app.runs.logs.models import LogPiece


@dataclass(frozen=True)
class Line:
    """One line; `number` counts from 1 over all attempts. `left_out` lines before it were not kept."""

    number: int
    at: datetime
    level: str
    text: str
    left_out: int = 0


@dataclass(frozen=True)
class Log:
    """Lines of a run, and the number to ask after for the next ones."""

    lines: list[Line] = field(default_factory=list)
    after: int = 0


def read(run_id: str, after: int = 0, limit: int = 1000) -> Log:
    """Up to `limit` lines behind number `after`, oldest first."""
    found: list[Line] = []
    seen = after
    for base, piece in _pieces(run_id, after):
        for number, at, level, text in piece.lines:
            if base + number <= seen:
                continue
            if len(found) == limit:
                return Log(found, seen)
            found.append(
                Line(base + number, datetime.fromtimestamp(at, UTC), level, text, base + number - seen - 1)
            )
            seen = base + number
    return Log(found, seen)


def _pieces(run_id: str, after: int) -> list[tuple[int, LogPiece]]:
    """The pieces with lines behind `after`, in order, each with the number of lines before its attempt."""
    ends = db.session.execute(
        select(LogPiece.started_at, func.max(LogPiece.last))
        .where(LogPiece.run_id == run_id)
        .group_by(LogPiece.started_at)
        .order_by(LogPiece.started_at)
    ).all()
    found: list[tuple[int, LogPiece]] = []
    base = 0
    for started_at, last in ends:
        if base + last > after:
            query = select(LogPiece).where(
                LogPiece.run_id == run_id, LogPiece.started_at == started_at, LogPiece.last > after - base
            )
            found += [(base, piece) for piece in db.session.scalars(query.order_by(LogPiece.piece))]
        base += last
    return found
