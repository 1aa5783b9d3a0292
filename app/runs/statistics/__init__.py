"""The numbers of each task, hour by hour (ends, run times, waits), and those of all runs together."""

from app.runs.statistics.counters import KEPT_DAYS, SLOTS_KEPT_DAYS, count, forget_before
from app.runs.statistics.models import RunSlot, TaskHour
from app.runs.statistics.queries import (
    SPANS,
    Bucket,
    Numbers,
    NumbersFilter,
    mean_seconds,
    numbers_of,
    typical_seconds,
)
from app.runs.statistics.slots import SLOT, Ended, counted_from, ended_by, slot_of

__all__ = [
    "KEPT_DAYS",
    "SLOT",
    "SLOTS_KEPT_DAYS",
    "SPANS",
    "Bucket",
    "Ended",
    "Numbers",
    "NumbersFilter",
    "RunSlot",
    "TaskHour",
    "count",
    "counted_from",
    "ended_by",
    "forget_before",
    "mean_seconds",
    "numbers_of",
    "slot_of",
    "typical_seconds",
]
