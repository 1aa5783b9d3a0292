"""Schedules: when tasks run by themselves, who changed that, and what became of each fire."""

from app.schedules.bulk import BULK_MAX, apply, of_ids, undo
from app.schedules.code_entries import CodeProblem
from app.schedules.code_sync import code_entries, overridden, reset_to_code, sync_code
from app.schedules.decisions import reason_of_run
from app.schedules.definition import Definition
from app.schedules.drift import argument_problems, check_drift, drift_of
from app.schedules.edits import create, delete, duplicate, undelete, update
from app.schedules.filters import ScheduleFilter
from app.schedules.history import changes_between, changes_of
from app.schedules.lateness import late_count, unfired_count, waiting_fires
from app.schedules.manual_runs import run_now, run_once_at
from app.schedules.models import Schedule, ScheduleChange
from app.schedules.queries import (
    LastRun,
    by_name,
    counts,
    everything,
    get,
    ids,
    page,
    strips,
    version,
    zones,
)
from app.schedules.switches import disable, enable, restore, skip, skipped_moments
from app.schedules.upcoming import READ_AT_MOST, Coming, Overdue, Window, coming, enabled_count, overdue
from app.schedules.validation import arguments_at, preview

__all__ = [
    "BULK_MAX",
    "READ_AT_MOST",
    "CodeProblem",
    "Coming",
    "Definition",
    "LastRun",
    "Overdue",
    "Schedule",
    "ScheduleChange",
    "ScheduleFilter",
    "Window",
    "apply",
    "argument_problems",
    "arguments_at",
    "by_name",
    "changes_between",
    "changes_of",
    "check_drift",
    "code_entries",
    "coming",
    "counts",
    "create",
    "delete",
    "disable",
    "drift_of",
    "duplicate",
    "enable",
    "enabled_count",
    "everything",
    "get",
    "ids",
    "late_count",
    "of_ids",
    "overdue",
    "overridden",
    "page",
    "preview",
    "reason_of_run",
    "reset_to_code",
    "restore",
    "run_now",
    "run_once_at",
    "skip",
    "skipped_moments",
    "strips",
    "sync_code",
    "undelete",
    "undo",
    "unfired_count",
    "update",
    "version",
    "waiting_fires",
    "zones",
]
