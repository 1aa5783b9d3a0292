"""The numbers of each task, hour by hour: how many runs ended how, how long they took and waited."""

from app.runs.numbers.counting import KEPT_DAYS, count, count_these, forget_before
from app.runs.numbers.models import TaskHour
from app.runs.numbers.reading import SPANS, Interval, Numbers, mean_seconds, numbers_of, usual_seconds

__all__ = [
    "KEPT_DAYS",
    "SPANS",
    "Interval",
    "Numbers",
    "TaskHour",
    "count",
    "count_these",
    "forget_before",
    "mean_seconds",
    "numbers_of",
    "usual_seconds",
]
