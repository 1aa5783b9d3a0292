"""The table of log pieces."""

from typing import Any

from sqlalchemy import JSON, String
from sqlalchemy.orm import Mapped, mapped_column

from app.extensions import Base


class LogPiece(Base):
    """Some lines of one attempt, each `[number, epoch second, level, text]`; numbers count from 1.

    An attempt is known by when it started, for a run whose worker died is tried again under its number.
    `piece` counts from 0; the newest lines of a long log lie in `app.celery.logs.TAIL`.
    """

    __tablename__ = "run_logs"

    run_id: Mapped[str] = mapped_column(String(255), primary_key=True)
    started_at: Mapped[float] = mapped_column(primary_key=True)
    piece: Mapped[int] = mapped_column(primary_key=True)
    last: Mapped[int]  # the number of its last line
    lines: Mapped[list[Any]] = mapped_column(JSON)
