"""What is asked of many runs: the frozen set, and what becomes of each of its runs."""

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, ForeignKey, Index, String, Text, text
from sqlalchemy.orm import Mapped, mapped_column

from app.clock import UTCDateTime
from app.extensions import Base

_TO_DO = text("confirmed_at IS NOT NULL AND finished_at IS NULL")


class Bulk(Base):
    """One change of many runs: frozen, then confirmed, then done step by step."""

    __tablename__ = "bulks"

    id: Mapped[str] = mapped_column(String(36), primary_key=True)
    action: Mapped[str] = mapped_column(String(16))
    asked_by: Mapped[str] = mapped_column(String(255))
    # In which role it was confirmed, where somebody acts with less than their own; it does no more than that.
    role: Mapped[str | None] = mapped_column(String(16))
    created_at: Mapped[datetime] = mapped_column(UTCDateTime, index=True)
    confirmed_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    finished_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    # One process at a time works on it; when that one dies, another may after this moment.
    leased_until: Mapped[datetime | None] = mapped_column(UTCDateTime)
    wanted: Mapped[dict[str, Any]] = mapped_column(JSON)
    total: Mapped[int]
    # More runs matched than one change takes; or the search for them stopped at this moment.
    capped: Mapped[bool]
    looked_back_to: Mapped[datetime | None] = mapped_column(UTCDateTime)

    __table_args__ = (Index("ix_bulks_to_do", "confirmed_at", info={"where": _TO_DO}),)

    @property
    def state(self) -> str:
        """frozen, working or finished."""
        if self.finished_at:
            return "finished"
        return "working" if self.confirmed_at else "frozen"


class BulkItem(Base):
    """One run of a frozen set: what was found of it when it was frozen, and what became of it."""

    __tablename__ = "bulk_items"

    bulk_id: Mapped[str] = mapped_column(ForeignKey("bulks.id", ondelete="CASCADE"), primary_key=True)
    position: Mapped[int] = mapped_column(primary_key=True)
    run_id: Mapped[str] = mapped_column(String(255))
    task_name: Mapped[str] = mapped_column(String(255))
    verdict: Mapped[str] = mapped_column(String(16))
    outcome: Mapped[str | None] = mapped_column(String(16))
    detail: Mapped[str | None] = mapped_column(Text)
    new_id: Mapped[str | None] = mapped_column(String(255))
