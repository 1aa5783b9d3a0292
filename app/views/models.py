"""The tables of saved views: what lists are asked for by name, and how each person has a list drawn."""

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, ForeignKey, Index, String, false
from sqlalchemy.orm import Mapped, mapped_column

from app.clock import UTCDateTime
from app.extensions import Base


class SavedView(Base):
    """A list's filters, order and columns under a name: its owner's alone, or shared with everybody."""

    __tablename__ = "saved_views"

    id: Mapped[int] = mapped_column(primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id"))
    owner: Mapped[str] = mapped_column(String(64))
    list_name: Mapped[str] = mapped_column(String(160))
    name: Mapped[str] = mapped_column(String(80))
    shared: Mapped[bool] = mapped_column(default=False, server_default=false())
    query: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict, server_default="{}")
    columns: Mapped[list[str] | None] = mapped_column(JSON(none_as_null=True))
    created_at: Mapped[datetime] = mapped_column(UTCDateTime)

    __table_args__ = (
        Index(None, "user_id", "list_name", "name", unique=True),
        Index(None, "list_name"),
        {"sqlite_autoincrement": True},
    )


class ListChoice(Base):
    """How one person has one list: the columns they chose (None: all) and the view it begins with."""

    __tablename__ = "list_choices"

    user_id: Mapped[int] = mapped_column(ForeignKey("users.id"), primary_key=True)
    list_name: Mapped[str] = mapped_column(String(160), primary_key=True)
    columns: Mapped[list[str] | None] = mapped_column(JSON(none_as_null=True))
    view_id: Mapped[int | None] = mapped_column(ForeignKey("saved_views.id", ondelete="SET NULL"))
