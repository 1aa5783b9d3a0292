"""The tables of numbers: how the runs of each task ended in each hour, and all runs in five minutes."""

from datetime import datetime

from sqlalchemy import JSON, Double, String
from sqlalchemy.orm import Mapped, mapped_column

from app.clock import UTCDateTime
from app.extensions import Base
from app.runs.statistics.histogram import Histogram
from celeriac_agent.settings import OWN_APP


class TaskHour(Base):
    """The runs of one app's task that ended in one hour; it outlives their rows.

    `others` ended without success or failure. `run_seconds` is the sum over the `timed` runs that are in
    `run_times`; `waits` has the time from when a run could start until it did.
    """

    __tablename__ = "task_hours"

    app: Mapped[str] = mapped_column(String(255), primary_key=True, server_default=OWN_APP)
    task_name: Mapped[str] = mapped_column(String(255), primary_key=True)
    hour_at: Mapped[datetime] = mapped_column(UTCDateTime, primary_key=True, index=True)
    succeeded: Mapped[int] = mapped_column(default=0, server_default="0")
    failed: Mapped[int] = mapped_column(default=0, server_default="0")
    others: Mapped[int] = mapped_column(default=0, server_default="0")
    timed: Mapped[int] = mapped_column(default=0, server_default="0")
    run_seconds: Mapped[float] = mapped_column(Double, default=0.0, server_default="0")
    run_times: Mapped[Histogram] = mapped_column(JSON)
    waits: Mapped[Histogram] = mapped_column(JSON)


class RunSlot(Base):
    """How many runs of all tasks succeeded and failed in the five minutes from `slot_at` (UTC)."""

    __tablename__ = "run_slots"

    slot_at: Mapped[datetime] = mapped_column(UTCDateTime, primary_key=True)
    succeeded: Mapped[int] = mapped_column(default=0, server_default="0")
    failed: Mapped[int] = mapped_column(default=0, server_default="0")


class RunTotal(Base):
    """How many runs of an app's task in a queue there were since the beginning; it only grows.

    `name` is "sent", "started", "retried", the state of an end, or a bucket or the sum of durations.
    """

    __tablename__ = "run_totals"

    app: Mapped[str] = mapped_column(String(255), primary_key=True, server_default=OWN_APP)
    task_name: Mapped[str] = mapped_column(String(255), primary_key=True)
    queue: Mapped[str] = mapped_column(String(255), primary_key=True)
    name: Mapped[str] = mapped_column(String(32), primary_key=True)
    number: Mapped[float] = mapped_column(Double, default=0.0, server_default="0")
