"""When schedules fire, in words too: pure functions without a database, a clock or a Flask app."""

from .changes import ChangeWarning, warnings
from .checks import errors, parse_cron
from .cron import allowed
from .errors import TimingError
from .fires import (
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
from .preview import Preview, PreviewedFire, preview
from .readings import CronExpression
from .words import words
from .zones import zone

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
