"""Tasks that look after Celeriac itself."""

from typing import Annotated, Any, Literal, get_args

from celery import shared_task
from pydantic import Field

from app.celery.task import CeleriacTask
from app.clock import utcnow
from app.config import settings
from app.extensions import db

BATCH_RUNS = 1000
Finished = Literal[
    "SUCCESS", "FAILURE", "REVOKED", "REJECTED", "IGNORED", "EXPIRED", "LOST", "MISSED", "SKIPPED"
]


@shared_task(
    name="maintenance.backup_database",
    bind=True,
    celeriac_role="admin",
    soft_time_limit=3600,
    time_limit=3660,
)
def backup_database(
    self: CeleriacTask,
    keep: Annotated[
        int, Field(ge=1, le=1000, description="How many backups to keep; older ones are removed")
    ] = 7,
) -> dict[str, Any]:
    """Back up Celeriac's own database.

    The backup is a file in the folder backups of the data folder, made while everything goes on. An
    SQLite backup is a complete database file, checked for soundness. On PostgreSQL it is made by pg_dump,
    which must be installed on the worker's machine, in the custom format that pg_restore reads. Older
    backups are removed only when the new one is complete.
    """
    from app import runs
    from app.library.maintenance import backup

    folder = settings().data_path / "backups"
    written = backup.back_up(db.engine.url, folder, utcnow(), self.progress)
    removed: list[str] = []
    try:
        for name in backup.keep_newest(folder, keep):
            removed.append(name)
    finally:  # also when one of them cannot be removed
        if removed:
            runs.note_removal("backup.delete", utcnow(), self.request.id or "", keep=keep, names=removed)
    return {"output": str(written), "bytes": written.stat().st_size, "removed": removed}


@shared_task(
    name="maintenance.clean_history",
    bind=True,
    celeriac_role="admin",
    soft_time_limit=3600,
    time_limit=3660,
)
def clean_history(
    self: CeleriacTask,
    older_than_days: Annotated[
        float | None,
        Field(ge=0, le=36_500, description="Runs made so many days ago; empty: the setting RETENTION_DAYS"),
    ] = None,
    states: Annotated[
        list[Finished] | None,
        Field(description=f"Only runs that ended as one of {', '.join(get_args(Finished))}; empty: any"),
    ] = None,
    keep_newest: Annotated[
        int | None,
        Field(ge=1, le=100_000_000, description="Also those beyond so many newest ones; empty: any number"),
    ] = None,
    task_name: Annotated[
        str | None, Field(max_length=255, description="Only runs of this task; empty: of all tasks")
    ] = None,
    app: Annotated[
        str | None,
        Field(max_length=100, description="Only runs of this app (ours: celeriac); empty: of all apps"),
    ] = None,
) -> dict[str, Any]:
    """Remove old finished runs from the history.

    A run goes when it is too old, or when there are enough newer ones. Runs that wait or work are never
    removed. It works in small batches, so pages and workers go on meanwhile. For other limits by state or
    task, make a schedule of this task for each. The hourly numbers of tasks are kept for 400 days.
    """
    from app import runs
    from app.runs.failures import inbox

    rule = runs.rule_of(utcnow(), older_than_days, states, keep_newest, task_name, app)
    before = runs.boundary(rule)
    oldest = before.isoformat() if before else None
    deleted = hours = 0
    limits = {"before": oldest, "states": states or "any", "keep_newest": keep_newest}
    limits |= {"task_name": task_name, "app": app}
    try:
        hours = runs.forget_before(utcnow())
        inbox.forget_before(utcnow())
        while before and (count := runs.delete_finished(rule, before, BATCH_RUNS)):
            deleted += count
            self.progress(deleted, None, f"{deleted:,} runs removed")
    finally:  # also when it is stopped halfway
        runs.note_clean_up(deleted, utcnow(), self.request.id or "", hours_of_tasks=hours or None, **limits)
    return {"deleted": deleted, "before": oldest, "states": states or "any"}
