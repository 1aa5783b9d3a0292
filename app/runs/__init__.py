"""Runs: requested executions of tasks, from their submission to the end of their history."""

from app.runs.cancel import cancel
from app.runs.creation import new_row, new_run
from app.runs.failures import FailureFilter, FailureGroup, Failures, failed_count, grouped_failures
from app.runs.filters import RunFilter
from app.runs.live import version
from app.runs.models import Run
from app.runs.queries import (
    CURSOR,
    Page,
    counts,
    counts_of,
    cursor_of,
    gaps,
    get,
    last_arguments,
    latest,
    newer_than,
    page,
    place_of,
    reruns,
)
from app.runs.retention import (
    Rule,
    boundary,
    clean_up,
    count_old,
    delete_finished,
    delete_one,
    note_clean_up,
    rule_of,
)
from app.runs.states import RUNNING
from app.runs.statistics import (
    SLOT,
    SPANS,
    Ended,
    Interval,
    Numbers,
    counted_from,
    ended_by,
    forget_before,
    numbers_of,
    slot_of,
    usual_seconds,
)
from app.runs.submit import RunRequest, rerun, submit

__all__ = [
    "CURSOR",
    "RUNNING",
    "SLOT",
    "SPANS",
    "Ended",
    "FailureFilter",
    "FailureGroup",
    "Failures",
    "Interval",
    "Numbers",
    "Page",
    "Rule",
    "Run",
    "RunFilter",
    "RunRequest",
    "boundary",
    "cancel",
    "clean_up",
    "count_old",
    "counted_from",
    "counts",
    "counts_of",
    "cursor_of",
    "delete_finished",
    "delete_one",
    "ended_by",
    "failed_count",
    "forget_before",
    "gaps",
    "get",
    "grouped_failures",
    "last_arguments",
    "latest",
    "new_row",
    "new_run",
    "newer_than",
    "note_clean_up",
    "numbers_of",
    "page",
    "place_of",
    "rerun",
    "reruns",
    "rule_of",
    "slot_of",
    "submit",
    "usual_seconds",
    "version",
]
