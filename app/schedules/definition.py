"""What people say of a schedule, as one value: read from a row, changed, compared, written back."""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from datetime import datetime
from operator import attrgetter
from types import NoneType
from typing import Any, get_args, get_type_hints

from app import catalog
from app.schedules.models import Schedule
from app.schedules.policies import OnMissed, Overlap, Policies
from app.schedules.timing import TaskType, Timing
from celeriac_agent.settings import OWN_APP


def _described(description: str) -> Mapping[str, str]:
    return {"description": description}


@dataclass(frozen=True, kw_only=True)
class Definition:
    """The fields of a schedule that people write, by the names of REST and of the table.

    All moments are aware. `queue` and `priority` None: the task's own. `on_missed` None: what suits the type.
    The metadata are what REST says of a field; it takes and gives what the types say.
    """

    name: str = field(metadata=_described("Unique."))
    task_name: str
    app: str | None = field(
        default=None,
        metadata=_described(
            "Whose task it is, where several apps have one of that name. Null when read: Celeriac's own."
        ),
    )
    task_type: TaskType
    run_at: datetime | None = field(default=None, metadata=_described("one_time: when."))
    interval_seconds: int | None = field(
        default=None, metadata=_described("interval: every so many seconds.")
    )
    anchor_at: datetime | None = field(
        default=None,
        metadata=_described("interval: what it counts from; by default the moment the period was set."),
    )
    cron_schedule: str | None = field(
        default=None,
        metadata=_described("cron: 5 columns, or 6 with the second first, or a macro such as @daily."),
    )
    timezone: str = field(default="UTC", metadata=_described("An IANA zone: Europe/London."))
    args: list[Any] = field(default_factory=list)
    kwargs: dict[str, Any] = field(
        default_factory=dict,
        metadata=_described("Secrets are masked when read; sent back masked they stay as they are."),
    )
    enabled: bool = True
    queue: str | None = None
    priority: int | None = field(
        default=None, metadata=_described("0 to 9; 9 is the most urgent. Null: the task's own.")
    )
    starts_at: datetime | None = field(default=None, metadata=_described("No fire before."))
    ends_at: datetime | None = field(default=None, metadata=_described("No fire after."))
    max_runs: int | None = field(default=None, metadata=_described("It disables itself after so many runs."))
    overlap: Overlap = "skip"
    on_missed: OnMissed | None = None
    grace_seconds: int | None = field(
        default=None, metadata=_described("A missed fire later than this never runs. Null: no limit.")
    )
    jitter_seconds: int = field(
        default=0, metadata=_described("Every fire is later by the same share of so many seconds.")
    )
    message_ttl_seconds: int | None = field(
        default=None,
        metadata=_described("How long a message may wait for a worker before it is discarded."),
    )
    note: str = ""

    @classmethod
    def of(cls, row: Schedule) -> "Definition":
        """The definition of a stored schedule."""
        return cls(**dict(zip(FIELDS, _definition(row), strict=True)))

    def write(self, row: Schedule) -> None:
        """Put every field into a row."""
        for name, value in vars(self).items():
            if getattr(row, name) is not value:  # to set takes much longer than to look
                setattr(row, name, value)


FIELDS = tuple(field.name for field in fields(Definition))
HINTS: Mapping[str, Any] = {name: hint for name, hint in get_type_hints(Definition).items() if name in FIELDS}
# Those that time it, and those that say what becomes of its fires.
TIMING_FIELDS = tuple(field.name for field in fields(Timing) if field.name in FIELDS)
POLICY_FIELDS = tuple(field.name for field in fields(Policies))
MOMENTS = tuple(name for name in FIELDS if datetime in get_args(HINTS[name]))
NULLABLE = frozenset(name for name in FIELDS if NoneType in get_args(HINTS[name]))
TASK_TYPES = get_args(TaskType)
# What each type is timed by; the others' fields are null.
OWN_TIMING: Mapping[str, tuple[str, ...]] = {
    "one_time": ("run_at",),
    "interval": ("interval_seconds", "anchor_at"),
    "cron": ("cron_schedule",),
}
TIMING = ("task_type", "run_at", "interval_seconds", "anchor_at", "cron_schedule")
WINDOW = ("starts_at", "ends_at")
ARGUMENTS = ("task_name", "app", "args", "kwargs")


_definition = attrgetter(*FIELDS)
_timing = attrgetter(*TIMING_FIELDS)
_policies = attrgetter(*POLICY_FIELDS)


def task_of(source: Any) -> catalog.TaskInfo | None:
    """The task of a definition or a row, of its own app; None where that has it no more."""
    return catalog.lookup(source.task_name, source.app or OWN_APP)


def timing_of(source: Any, schedule_id: int | None) -> Timing:
    """The timing of a definition, or of any row with its columns; `schedule_id` feeds the jitter."""
    return Timing(schedule_id=schedule_id, **dict(zip(TIMING_FIELDS, _timing(source), strict=True)))


def policies_of(source: Any) -> Policies:
    """The policies of a definition, or of any row with its columns."""
    return Policies(**dict(zip(POLICY_FIELDS, _policies(source), strict=True)))
