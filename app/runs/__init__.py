"""Runs: requested executions of tasks, from their submission to the end of their history."""

from app.runs.cancel import cancel
from app.runs.history import delete_finished
from app.runs.live import version
from app.runs.queries import (
    Filter,
    Page,
    children,
    counts,
    cursor_of,
    gaps,
    get,
    last_arguments,
    latest,
    newer_than,
    page,
    reruns,
)
from app.runs.submit import RunRequest, rerun, submit

__all__ = [
    "Filter",
    "Page",
    "RunRequest",
    "cancel",
    "children",
    "counts",
    "cursor_of",
    "delete_finished",
    "gaps",
    "get",
    "last_arguments",
    "latest",
    "newer_than",
    "page",
    "rerun",
    "reruns",
    "submit",
    "version",
]
