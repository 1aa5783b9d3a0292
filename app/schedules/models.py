"""The tables of schedules: when to run which task with which arguments, and who changed that."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import JSON, Index, String, Text, cast, func, text, true
from sqlalchemy.orm import Mapped, mapped_column
from sqlalchemy.types import TypeDecorator

from app.clock import UTCDateTime
from app.extensions import Base
from app.schedules.stored_arguments import StoredArguments, UnreadableArgs, UnreadableKwargs

OptionalJSON = JSON(none_as_null=True)

PAGE, CODE = "page", "code"
ORIGINS = (PAGE, CODE)
TURN_ON, STAY_OFF = "on", "off"


class Schedule(Base):
    """One schedule. People write its definition, beat the columns from `next_due_at` to `failures`.

    A row can be written in SQL with a name, a task, a type and its timing; the database fills the rest.

    An id is never used twice: the ids of runs derive from it.
    """

    __tablename__ = "schedules"

    id: Mapped[int] = mapped_column(primary_key=True)
    # Moves with every change of the definition.
    version: Mapped[int] = mapped_column(default=1, server_default="1")
    name: Mapped[str] = mapped_column(String(200), unique=True)
    task_name: Mapped[str] = mapped_column(String(255))
    app: Mapped[str | None] = mapped_column(String(255))  # the other app whose task it is; null: ours
    task_type: Mapped[str] = mapped_column(String(16))
    run_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    interval_seconds: Mapped[int | None]
    anchor_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    cron_schedule: Mapped[str | None] = mapped_column(String(256))
    timezone: Mapped[str] = mapped_column(String(64), server_default="UTC")
    # The real arguments: they are needed to run. Everything that shows them masks the secret ones.
    args: Mapped[list[Any]] = mapped_column(StoredArguments(UnreadableArgs), server_default="[]")
    kwargs: Mapped[dict[str, Any]] = mapped_column(StoredArguments(UnreadableKwargs), server_default="{}")
    secrets_by: Mapped[str | None] = mapped_column(String(255))  # who entered the secret ones
    enabled: Mapped[bool] = mapped_column(server_default=true())
    queue: Mapped[str | None] = mapped_column(String(255))
    priority: Mapped[int | None]
    starts_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    ends_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    max_runs: Mapped[int | None]
    overlap: Mapped[str] = mapped_column(String(16), server_default="skip")
    on_missed: Mapped[str | None] = mapped_column(String(16))  # null: what suits the type
    grace_seconds: Mapped[int | None]
    jitter_seconds: Mapped[int] = mapped_column(server_default="0")
    message_ttl_seconds: Mapped[int | None]
    note: Mapped[str] = mapped_column(Text, server_default="")
    skips: Mapped[list[str] | None] = mapped_column(OptionalJSON)  # occurrences to leave out, ISO 8601
    rerun_of: Mapped[str | None] = mapped_column(String(255))  # the earlier run that this one runs again

    created_at: Mapped[datetime] = mapped_column(UTCDateTime, server_default=func.now())
    created_by: Mapped[str | None] = mapped_column(String(255))
    updated_at: Mapped[datetime] = mapped_column(UTCDateTime, server_default=func.now())
    updated_by: Mapped[str | None] = mapped_column(String(255))
    disabled_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    disabled_by: Mapped[str | None] = mapped_column(String(255))
    disabled_note: Mapped[str | None] = mapped_column(Text)

    origin: Mapped[str] = mapped_column(String(8), default=PAGE, server_default=PAGE)
    code_key: Mapped[str | None] = mapped_column(String(200), unique=True)
    code_definition: Mapped[dict[str, Any] | None] = mapped_column(OptionalJSON)
    retired_at: Mapped[datetime | None] = mapped_column(UTCDateTime)  # it vanished from the code
    # Which entry of which other scheduler it was; and what becomes of it when that one is said to be stopped:
    # until then (not null) nobody turns it on.
    taken_from: Mapped[str | None] = mapped_column(String(500))
    taken_key: Mapped[str | None] = mapped_column(String(255))
    after_stop: Mapped[str | None] = mapped_column(String(8))
    # What a task's present signature says against the saved arguments, by parameter; null when they fit.
    drift: Mapped[dict[str, Any] | None] = mapped_column(OptionalJSON)
    checked_signature: Mapped[str | None] = mapped_column(String(64))  # null: not checked yet

    next_due_at: Mapped[datetime | None] = mapped_column(UTCDateTime)  # nominal
    next_run_at: Mapped[datetime | None] = mapped_column(UTCDateTime)  # when beat looks: nominal + jitter
    last_run_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    run_count: Mapped[int] = mapped_column(default=0, server_default="0")
    last_error: Mapped[str | None] = mapped_column(Text)
    last_error_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    # In a row; what beat's back-off for this row grows with.
    failures: Mapped[int] = mapped_column(default=0, server_default="0")

    __table_args__ = (
        Index(
            "ix_schedules_next_run_at",
            "next_run_at",
            info={"where": {"sqlite": text("enabled = 1"), "postgresql": text("enabled")}},
        ),
        Index(None, "task_name", "id"),
        Index(None, "taken_from", "taken_key", unique=True),
        {"sqlite_autoincrement": True},
    )

    @property
    def is_exhausted(self) -> bool:
        """Whether beat disabled it after its last fire."""
        return not self.enabled and self.disabled_at is not None and self.disabled_by is None


def columns(*names: str, json_as_text: bool = False) -> list[Any]:
    """Columns by their names, to be selected."""
    attributes = [getattr(Schedule, name) for name in names]
    if not json_as_text:
        return attributes
    return [
        cast(column, Text).label(column.key) if _is_json(column.type) else column for column in attributes
    ]


def _is_json(kind: Any) -> bool:
    return isinstance(kind.impl_instance if isinstance(kind, TypeDecorator) else kind, JSON)


def snapshot(row: Schedule) -> dict[str, Any]:
    """Every column of a row by its name, as JSON."""
    return to_json({column.name: getattr(row, column.name) for column in Schedule.__table__.columns})


def to_json(values: Mapping[str, Any]) -> dict[str, Any]:
    """Values by column; times in ISO 8601."""
    return {
        name: value.isoformat() if isinstance(value, datetime) else value for name, value in values.items()
    }


def from_json(kept: Mapping[str, Any]) -> dict[str, Any]:
    """The values as the model takes them; columns that do not exist any more are left out."""
    known = Schedule.__table__.columns
    return {
        name: datetime.fromisoformat(value) if value and isinstance(known[name].type, UTCDateTime) else value
        for name, value in kept.items()
        if name in known
    }


class ScheduleChange(Base):
    """One change of a schedule's definition: `diff` is `{field: [before, after]}` with secrets masked.

    The change that deleted a schedule keeps it whole in `snapshot`, so that it can be undone.
    """

    __tablename__ = "schedule_changes"

    id: Mapped[int] = mapped_column(primary_key=True)
    schedule_id: Mapped[int]
    schedule_name: Mapped[str] = mapped_column(String(200))
    version: Mapped[int]
    at: Mapped[datetime] = mapped_column(UTCDateTime)
    by: Mapped[str | None] = mapped_column(String(255))
    action: Mapped[str] = mapped_column(String(16))
    note: Mapped[str | None] = mapped_column(Text)
    diff: Mapped[dict[str, Any]] = mapped_column(JSON)
    snapshot: Mapped[dict[str, Any] | None] = mapped_column(OptionalJSON, deferred=True)

    __table_args__ = (Index(None, "schedule_id", "id"), Index(None, "at"))
