"""The tables of kinds of failures: one row for every app, task and error, and what people did to it."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from sqlalchemy import (
    JSON,
    BigInteger,
    ColumnElement,
    ForeignKey,
    Index,
    Integer,
    String,
    Text,
    and_,
    or_,
    tuple_,
)
from sqlalchemy.orm import Mapped, mapped_column

from app.clock import UTCDateTime
from app.extensions import Base
from celeriac_agent.settings import OWN_APP

OPEN, RESOLVED, IGNORED = "open", "resolved", "ignored"
STATES = (OPEN, RESOLVED, IGNORED)
KEY = ("app", "task_name", "kind")
KIND_MAX, ERROR_MAX = 100, 200
Key = tuple[str, str, str]  # app, task and kind
_BIG = BigInteger().with_variant(Integer, "sqlite")


class FailureKind(Base):
    """The failures of one app's task with one kind of error. It stays when its runs leave the history.

    `state_at` and `state_by` say who brought it into its state. A failure later than that opens a resolved
    one again, and one later than `ignored_until` an ignored one (null: for good): `reopened_at` and
    `reopened_run_id` tell. `made_good_at` is the last failure of which all were made good by running them
    again. `seen_at` is the last failure of which the alerts know.
    """

    __tablename__ = "failure_kinds"

    id: Mapped[int] = mapped_column(_BIG, primary_key=True)
    app: Mapped[str] = mapped_column(String(255), server_default=OWN_APP)
    task_name: Mapped[str] = mapped_column(String(255))
    kind: Mapped[str] = mapped_column(String(KIND_MAX))
    error: Mapped[str] = mapped_column(String(ERROR_MAX), default="", server_default="")
    failures: Mapped[int] = mapped_column(_BIG, default=0, server_default="0")
    first_at: Mapped[datetime] = mapped_column(UTCDateTime)
    first_run_id: Mapped[str | None] = mapped_column(String(255))
    last_at: Mapped[datetime] = mapped_column(UTCDateTime)
    last_run_id: Mapped[str | None] = mapped_column(String(255))
    state: Mapped[str] = mapped_column(String(8), default=OPEN, server_default=OPEN)
    state_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    state_by: Mapped[str | None] = mapped_column(String(64))
    ignored_until: Mapped[datetime | None] = mapped_column(UTCDateTime)
    reopened_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    reopened_run_id: Mapped[str | None] = mapped_column(String(255))
    made_good_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    owner: Mapped[str | None] = mapped_column(String(64))
    note: Mapped[str | None] = mapped_column(Text)
    seen_at: Mapped[datetime | None] = mapped_column(UTCDateTime)

    __table_args__ = (
        Index("uq_failure_kinds_app_task_name_kind", *KEY, unique=True),
        Index(None, "last_at", "id"),
        {"sqlite_autoincrement": True},
    )

    @property
    def key(self) -> Key:
        return self.app, self.task_name, self.kind

    @property
    def other_app(self) -> str | None:
        """The app, if it is not Celeriac's own."""
        return None if self.app == OWN_APP else self.app

    @property
    def made_good(self) -> bool:
        """Whether every failure was made good by running it again."""
        return self.made_good_at is not None and self.made_good_at >= self.last_at

    def standing(self, now: datetime) -> str:
        """open, resolved or ignored at a moment, as `is_in` says it in SQL."""
        if ignores(self.state, self.ignored_until, now):
            return IGNORED
        return RESOLVED if self.state == RESOLVED or self.made_good else OPEN


class FailureChange(Base):
    """What somebody did to a kind of failure, or that it came back (`by` is null then).

    `before` holds what it changed, as it was: so it can be taken back.
    """

    __tablename__ = "failure_changes"

    id: Mapped[int] = mapped_column(_BIG, primary_key=True)
    kind_id: Mapped[int] = mapped_column(ForeignKey("failure_kinds.id", ondelete="CASCADE"))
    at: Mapped[datetime] = mapped_column(UTCDateTime)
    by: Mapped[str | None] = mapped_column(String(64))
    action: Mapped[str] = mapped_column(String(16))
    note: Mapped[str | None] = mapped_column(Text)
    until: Mapped[datetime | None] = mapped_column(UTCDateTime)
    owner: Mapped[str | None] = mapped_column(String(64))
    run_id: Mapped[str | None] = mapped_column(String(255))
    before: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True))

    __table_args__ = (
        Index(None, "kind_id", "id"),
        Index(None, "at"),
        {"sqlite_autoincrement": True},
    )


def is_one_of(keys: Iterable[Key]) -> ColumnElement[bool]:
    """Whether a kind has one of these keys."""
    return tuple_(*(getattr(FailureKind, name) for name in KEY)).in_(sorted(keys))


def ignores(state: str, until: datetime | None, now: datetime) -> bool:
    """Whether a kind of that state is ignored at a moment, as `is_ignored` says it in SQL."""
    return state == IGNORED and (until is None or until > now)


def is_ignored(now: datetime) -> ColumnElement[bool]:
    """Whether a kind is ignored at a moment."""
    until = FailureKind.ignored_until
    return and_(FailureKind.state == IGNORED, or_(until.is_(None), until > now))


def is_closed(now: datetime) -> ColumnElement[bool]:
    """Whether somebody resolved it, or let it be ignored."""
    return or_(FailureKind.state == RESOLVED, is_ignored(now))


def is_in(state: str, now: datetime) -> ColumnElement[bool]:
    """Whether a kind stands so at a moment."""
    made_good, last = FailureKind.made_good_at, FailureKind.last_at
    if state == IGNORED:
        return is_ignored(now)
    until = FailureKind.ignored_until
    is_over = and_(FailureKind.state == IGNORED, until <= now)
    active = or_(FailureKind.state == OPEN, is_over)
    if state == OPEN:
        return and_(active, or_(made_good.is_(None), made_good < last))
    return or_(FailureKind.state == RESOLVED, and_(active, made_good >= last))
