"""When schedules fire, in words too: pure functions without a database, a clock or a Flask app."""

from app.schedules.timing.checks import errors, parse_cron
from app.schedules.timing.cron import allowed
from app.schedules.timing.dst_warnings import ChangeWarning, warnings
from app.schedules.timing.errors import TimingError
from app.schedules.timing.fires import (
    TaskType,
    Timing,
    actual_at,
    count_between,
    fires,
    fires_between,
    first_fire,
    is_fire,
    last_fire,
    next_fire,
    previous_fire,
)
from app.schedules.timing.local_times import CronExpression
from app.schedules.timing.preview import Preview, PreviewedFire, preview
from app.schedules.timing.words import words
from app.schedules.timing.zones import zone

__all__ = [
    "ChangeWarning",
    "CronExpression",
    "Preview",
    "PreviewedFire",
    "TaskType",
    "Timing",
    "TimingError",
    "actual_at",
    "allowed",
    "count_between",
    "errors",
    "fires",
    "fires_between",
    "first_fire",
    "is_fire",
    "last_fire",
    "next_fire",
    "parse_cron",
    "preview",
    "previous_fire",
    "warnings",
    "words",
    "zone",
]
