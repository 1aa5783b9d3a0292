"""The table of runs: one row for every requested execution of a task."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

from sqlalchemy import JSON, Dialect, Index, String, Text, text
from sqlalchemy.orm import Mapped, mapped_column
from sqlalchemy.types import TypeDecorator

from app.clock import UTCDateTime
from app.extensions import Base
from app.runs import states
from celeriac_agent.settings import OWN_APP

OptionalJSON = JSON(none_as_null=True)


class JSONOrText(TypeDecorator[Any]):
    """JSON; what somebody wrote in SQL on SQLite that is none is read as its text, and stops no page."""

    impl = OptionalJSON
    cache_ok = True

    def result_processor(self, dialect: Dialect, coltype: object) -> Callable[[Any], Any] | None:
        read = super().result_processor(dialect, coltype)

        def process(value: Any) -> Any:
            try:
                return read(value) if read else value
            except ValueError:
                return value

        return process


class BareNumbers(TypeDecorator[Any]):
    """JSON for SQLite, which keeps the text of a bare number, but not its bytes, as another: 1.0 as 1."""

    impl = JSON
    cache_ok = True

    def bind_processor(self, dialect: Dialect) -> Callable[[Any], Any] | None:
        write = super().bind_processor(dialect)

        def process(value: Any) -> Any:
            kept = write(value) if write else value
            return kept.encode() if isinstance(value, int | float) else kept

        return process


_HAS_SCHEDULE = text("schedule_id IS NOT NULL")
_UNFINISHED_OF_SCHEDULE = text(f"schedule_id IS NOT NULL AND state IN {states.UNFINISHED}")
_UNSENT = text("outbox IS NOT NULL")
_HAS_WORKER = text("worker IS NOT NULL")
_HAS_REQUESTER = text("requested_by IS NOT NULL")
_IN_GROUP = text("group_id IS NOT NULL")
_OF_ANOTHER_APP = text("app IS NOT NULL")
_IS_RERUN = text("rerun_of IS NOT NULL")
IS_FAILED = f"state IN {states.FAILED}"
FAILED_AT = "coalesce(ended_at, created_at)"  # a failure counts for the day on which it failed


class Run(Base):
    """One run; its id is the Celery task id. Columns that can be large come last and are loaded on demand."""

    __tablename__ = "runs"

    id: Mapped[str] = mapped_column(String(255), primary_key=True)
    created_at: Mapped[datetime] = mapped_column(UTCDateTime)
    updated_at: Mapped[datetime] = mapped_column(UTCDateTime)
    task_name: Mapped[str] = mapped_column(String(255))
    state: Mapped[str] = mapped_column(String(16))
    queue: Mapped[str | None] = mapped_column(String(255))
    priority: Mapped[int | None]
    attempt: Mapped[int] = mapped_column(default=0, server_default="0")
    worker: Mapped[str | None] = mapped_column(String(255))
    requested_by: Mapped[str | None] = mapped_column(String(255))
    origin: Mapped[str | None] = mapped_column(String(255))
    schedule_id: Mapped[int | None]
    due_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    rerun_of: Mapped[str | None] = mapped_column(String(255))
    app: Mapped[str | None] = mapped_column(String(255))  # none: Celeriac's own
    root_id: Mapped[str | None] = mapped_column(String(255))
    parent_id: Mapped[str | None] = mapped_column(String(255))
    group_id: Mapped[str | None] = mapped_column(String(255))
    idempotency_key: Mapped[str | None] = mapped_column(String(300), unique=True)
    # A keyed digest of the request that came with the key.
    request_digest: Mapped[str | None] = mapped_column(String(64))

    # When the outbox sends it; null for a buffered fire, which waits until an earlier run has ended.
    send_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    sent_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    received_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    started_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    # When the current attempt ended: for good, or (in state RETRY) until the next try.
    ended_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    eta_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    expires_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    runtime_seconds: Mapped[float | None]
    progress_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    progress_current: Mapped[float | None]
    progress_total: Mapped[float | None]
    progress_message: Mapped[str | None] = mapped_column(String(500))
    error: Mapped[str | None] = mapped_column(Text)
    args: Mapped[list[Any] | None] = mapped_column(OptionalJSON)
    kwargs: Mapped[dict[str, Any] | None] = mapped_column(OptionalJSON)
    masked: Mapped[list[Any] | None] = mapped_column(OptionalJSON)

    # What is cut off for its size is said in `notices`: {"result": bytes it had, …}.
    notices: Mapped[dict[str, Any] | None] = mapped_column(OptionalJSON)
    result: Mapped[Any | None] = mapped_column(JSON().with_variant(BareNumbers(), "sqlite"), deferred=True)
    traceback: Mapped[str | None] = mapped_column(Text, deferred=True)
    attempts: Mapped[list[Any] | None] = mapped_column(OptionalJSON, deferred=True)
    # What is needed to send the message; cleared once it is known to be out.
    outbox: Mapped[dict[str, Any] | str | None] = mapped_column(JSONOrText, deferred=True)

    __table_args__ = (
        Index(None, "created_at", "id"),
        Index(None, "state", "created_at", "id"),
        Index(None, "task_name", "created_at", "id"),
        Index(None, "queue", "created_at", "id"),
        Index(None, "root_id"),
        Index("ix_runs_send_at_unsent", "send_at", info={"where": _UNSENT}),
        Index(
            "ix_runs_state_send_at_unsent",
            "state",
            "send_at",
            info={"where": _UNSENT},
        ),
        Index(
            "ix_runs_schedule_id_created_at_id",
            "schedule_id",
            "created_at",
            "id",
            info={"where": _HAS_SCHEDULE},
        ),
        Index(
            "ix_runs_worker_created_at_id",
            "worker",
            "created_at",
            "id",
            info={"where": _HAS_WORKER},
        ),
        Index(
            "ix_runs_requested_by_created_at_id",
            "requested_by",
            "created_at",
            "id",
            info={"where": _HAS_REQUESTER},
        ),
        Index(
            "ix_runs_failed",
            "task_name",
            text(FAILED_AT),
            "id",
            info={"where": text(IS_FAILED)},
        ),
        Index(
            "ix_runs_failed_at",
            "state",
            text(FAILED_AT),
            "id",
            info={"where": text(IS_FAILED)},
        ),
        Index(
            "ix_runs_app_created_at_id",
            "app",
            "created_at",
            "id",
            info={"where": _OF_ANOTHER_APP},
        ),
        Index("ix_runs_group_id", "group_id", info={"where": _IN_GROUP}),
        Index("ix_runs_rerun_of", "rerun_of", info={"where": _IS_RERUN}),
        Index(
            "ix_runs_schedule_id_unfinished",
            "schedule_id",
            info={"where": _UNFINISHED_OF_SCHEDULE},
        ),
    )

    @property
    def app_name(self) -> str:
        """The app that runs it, by the name that is shown and asked for."""
        return self.app or OWN_APP

    @property
    def is_finished(self) -> bool:
        return states.is_finished(self.state)

    @property
    def is_end_unknown(self) -> bool:
        """Whether it has ended, and nobody knows when and how."""
        return self.state == states.LOST and (self.error or "").startswith(states.END_NOT_TOLD)

    @property
    def called(self) -> str:
        """What a person calls it: its task, and enough of its id to tell it from others."""
        return f"{self.task_name.rpartition('.')[2]} {self.id[:8]}"

    @property
    def failed_at(self) -> datetime:
        """When a failed run failed, as `FAILED_AT` says it."""
        return self.ended_at or self.created_at

    @property
    def finished_at(self) -> datetime | None:
        return self.ended_at if self.is_finished else None


class HistoryGap(Base):
    """A span of which events were lost because the stream reached its cap before it was recorded."""

    __tablename__ = "history_gaps"

    id: Mapped[int] = mapped_column(primary_key=True)
    from_at: Mapped[datetime] = mapped_column(UTCDateTime)
    until_at: Mapped[datetime] = mapped_column(UTCDateTime)
    found_at: Mapped[datetime] = mapped_column(UTCDateTime)
