"""What a schedule that is being written would do: its words, next fires, warnings and resolved arguments."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from app import catalog
from app.errors import Invalid
from app.schedules import due_arguments, timing
from app.schedules.arguments import masked
from app.schedules.decisions import kinds
from app.schedules.timing import Preview, Timing


def preview(wanted: Timing, now: datetime, count: int, start: datetime | None = None) -> Preview:
    """The next fires; raises `Invalid` by field for a timing that cannot be saved. Bounded in its time."""
    if wanted.task_type == "interval" and wanted.anchor_at is None:
        wanted = replace(wanted, anchor_at=now)
    if errors := timing.errors(wanted, now):
        raise Invalid(errors)
    return timing.preview(wanted, now, count, start)


def arguments_at(
    task_name: str | None, args: Sequence[Any], kwargs: Mapping[str, Any], timezone: str, due_at: datetime
) -> tuple[list[Any], dict[str, Any]]:
    """The arguments as they would be sent for the fire at a moment, secrets masked; raises `Invalid`."""
    info = catalog.lookup(task_name) if task_name else None
    resolved = due_arguments.resolve(args, kwargs, due_at, timing.zone(timezone), kinds(info))
    return masked(info, *resolved)
