"""The next fires of a timing with everything a person is shown about them."""

from dataclasses import dataclass, replace
from datetime import UTC, datetime

from app.schedules.timing.dst_warnings import ChangeWarning, warnings
from app.schedules.timing.fires import Timing, actual_at, fires
from app.schedules.timing.words import words

EARLIEST = datetime(1900, 1, 1, tzinfo=UTC)  # far from where local times leave the calendar


@dataclass(frozen=True, slots=True)
class PreviewedFire:
    """One fire: `due_at` is nominal, `actual_at` with jitter, both UTC.

    `local_at` is `due_at` in the schedule's zone and `zone_name` what that is called then (BST). `warning` is
    the clock change that this fire is about.
    """

    due_at: datetime
    actual_at: datetime
    local_at: datetime
    zone_name: str
    warning: ChangeWarning | None


@dataclass(frozen=True, slots=True)
class Preview:
    """A timing in words, its next fires, and the next two clock changes that touch it."""

    words: str
    fires: list[PreviewedFire]
    warnings: list[ChangeWarning]


def preview(
    timing: Timing,
    now: datetime,
    count: int,
    start: datetime | None = None,
) -> Preview:
    """The first `count` fires from `start`, or else from `now`, on; from 1900 at the earliest.

    An interval that has no anchor yet counts from `now`, as it will when it is saved. Raises TimingError (and
    ValueError for missing fields) when the timing cannot be evaluated; check it with `errors` first.
    """
    if timing.task_type == "interval" and timing.anchor_at is None:
        timing = replace(timing, anchor_at=now)
    start = now if start is None else max(start, EARLIEST)
    found_warnings = warnings(timing, start)
    by_fire = {warning.due_at: warning for warning in found_warnings}
    shown = []
    for due_at in fires(timing, start, count):
        local_at = due_at.astimezone(timing.tz)
        shown.append(
            PreviewedFire(
                due_at, actual_at(timing, due_at), local_at, local_at.tzname() or "", by_fire.get(due_at)
            )
        )
    return Preview(words(timing), shown, found_warnings)
