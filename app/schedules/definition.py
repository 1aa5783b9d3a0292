"""What people say of a schedule, as one value: read from a row, changed, compared, written back."""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from datetime import datetime
from typing import Any, get_args

from app.schedules.models import Schedule
from app.schedules.policies import OnMissed, Overlap, Policies
from app.schedules.timing import TaskType, Timing


@dataclass(frozen=True, kw_only=True)
class Definition:
    """The fields of a schedule that people write, by the names of REST and of the table.

    All moments are aware. `queue` and `priority` None: the task's own. `on_missed` None: what suits the type.
    """

    name: str
    task_name: str
    task_type: TaskType
    run_at: datetime | None = None
    interval_seconds: int | None = None
    anchor_at: datetime | None = None
    cron_schedule: str | None = None
    timezone: str = "UTC"
    args: list[Any] = field(default_factory=list)
    kwargs: dict[str, Any] = field(default_factory=dict)
    enabled: bool = True
    queue: str | None = None
    priority: int | None = None
    starts_at: datetime | None = None
    ends_at: datetime | None = None
    max_runs: int | None = None
    overlap: Overlap = "skip"
    on_missed: OnMissed | None = None
    grace_seconds: int | None = None
    jitter_seconds: int = 0
    message_ttl_seconds: int | None = None
    note: str = ""

    @classmethod
    def of(cls, row: Schedule) -> "Definition":
        """The definition of a stored schedule."""
        return cls(**{name: getattr(row, name) for name in FIELDS})

    def write(self, row: Schedule) -> None:
        """Put every field into a row."""
        for name, value in vars(self).items():
            if getattr(row, name) is not value:  # to set takes much longer than to look
                setattr(row, name, value)


FIELDS = tuple(one.name for one in fields(Definition))
TASK_TYPES = get_args(TaskType)
# What each type is timed by; the others' fields are null.
OWN_TIMING: Mapping[str, tuple[str, ...]] = {
    "one_time": ("run_at",),
    "interval": ("interval_seconds", "anchor_at"),
    "cron": ("cron_schedule",),
}
TIMING = ("task_type", "run_at", "interval_seconds", "anchor_at", "cron_schedule")
WINDOW = ("starts_at", "ends_at")
ARGUMENTS = ("task_name", "args", "kwargs")


def timing_of(source: Any, schedule_id: int | None) -> Timing:
    """The timing of a definition, or of any row with its columns; `schedule_id` feeds the jitter."""
    return Timing(
        task_type=source.task_type,
        timezone=source.timezone,
        run_at=source.run_at,
        interval_seconds=source.interval_seconds,
        anchor_at=source.anchor_at,
        cron_schedule=source.cron_schedule,
        starts_at=source.starts_at,
        ends_at=source.ends_at,
        jitter_seconds=source.jitter_seconds,
        schedule_id=schedule_id,
    )


def policies_of(source: Any) -> Policies:
    """The policies of a definition, or of any row with its columns."""
    return Policies(
        on_missed=source.on_missed,
        grace_seconds=source.grace_seconds,
        overlap=source.overlap,
        max_runs=source.max_runs,
        message_ttl_seconds=source.message_ttl_seconds,
    )
