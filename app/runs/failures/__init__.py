"""Failures: put together by task and error, counted into kinds, and what people did to these."""

from app.runs.failures.groups import (
    Failure,
    FailureGroup,
    Failures,
    closed_kinds,
    failed_in_row,
    failed_since,
    grouped_failures,
    groups_of,
    last_ends,
    latest_failures,
)
from app.runs.failures.models import FailureChange, FailureKind

__all__ = [
    "Failure",
    "FailureChange",
    "FailureGroup",
    "FailureKind",
    "Failures",
    "closed_kinds",
    "failed_in_row",
    "failed_since",
    "grouped_failures",
    "groups_of",
    "last_ends",
    "latest_failures",
]
