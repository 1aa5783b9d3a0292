"""A run's first row, made in one place: for whoever asks for a run, and for one that is only heard of."""

import uuid
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from app import catalog, queue_names
from app.errors import Invalid
from app.runs import outbox, states

Row = dict[str, Any]

# What rows that are inserted together say; a run that is asked for by itself may say more.
COLUMNS = (
    *("id", "created_at", "updated_at", "task_name", "state", "queue", "priority", "attempt"),
    *("requested_by", "schedule_id", "due_at", "rerun_of", "root_id", "send_at", "ended_at", "expires_at"),
    *("error", "args", "kwargs", "masked", "notices", "outbox", "app"),
)


def new_row(run_id: str, task_name: str, at: datetime, columns: Sequence[str] = COLUMNS) -> Row:
    """The row of a run of which nothing but its task is known."""
    row: Row = dict.fromkeys(columns)
    row |= {"id": run_id, "task_name": task_name, "state": states.PENDING, "attempt": 0}
    row |= {"created_at": at, "updated_at": at}
    return row


def new_run(
    task_name: str,
    info: catalog.TaskInfo | None,
    arguments: catalog.Arguments,
    at: datetime,
    begin: Row,
    *,
    run_id: str | None = None,
    queue: str | None = None,
    priority: int | None = None,
    rerun_of: str | None = None,
    **known: Any,
) -> Row:
    """The row of a run that somebody asked for; queue and priority are the task's own where none is given.

    `begin` says what becomes of it, as `waiting` or `ended` tell it. `info` is None for a task that is not
    known any more. Raises `Invalid` for what no queue can be called.
    """
    args, kwargs, masked = catalog.mask(info, arguments.args, arguments.kwargs)
    row = new_row(run_id or str(uuid.uuid4()), task_name, at)
    row |= {"queue": _queue(info, queue, rerun_of), "rerun_of": rerun_of, "root_id": row["id"]}
    own_priority = info.priority if info and info.prioritised else None
    row |= {"priority": own_priority if priority is None else priority, "app": info.app if info else None}
    row |= {"args": args, "kwargs": kwargs, "masked": masked or None}
    row |= known
    row |= begin
    return row


def waiting(
    arguments: catalog.Arguments,
    now: datetime,
    ttl_seconds: int | None = None,
    *,
    run_at: datetime | None = None,
    hold: dict[str, str] | None = None,
) -> Row:
    """State, outbox and times of a run that is sent at once, held (see `outbox.Message`), or sent later."""
    later = run_at is not None and run_at > now
    starts_at = run_at if run_at and later else now
    expires_at = starts_at + timedelta(seconds=ttl_seconds) if ttl_seconds else None
    begin = {
        "state": states.SCHEDULED if later else states.HELD if hold else states.PENDING,
        "send_at": run_at if later else now + timedelta(seconds=outbox.PATIENCE_SECONDS),
        "expires_at": expires_at,
        "outbox": outbox.payload(arguments.args, arguments.kwargs, expires_at, hold=hold),
    }
    return begin | {"eta_at": run_at} if run_at else begin


def buffered(arguments: catalog.Arguments, ttl_seconds: int | None) -> Row:
    """State and outbox of a run that waits until the earlier ones of its schedule have ended."""
    kept = outbox.payload(arguments.args, arguments.kwargs, None, ttl_seconds)
    return {"state": states.SCHEDULED, "outbox": kept}


def ended(state: str, now: datetime, error: str, notices: dict[str, Any]) -> Row:
    """State and reason of a run that does not run."""
    return {"state": state, "ended_at": now, "error": error, "notices": notices}


def _queue(info: catalog.TaskInfo | None, name: str | None, rerun_of: str | None) -> str | None:
    own = info.queue if info else None
    queue = name or own
    in_use = queue == own or rerun_of is not None
    if queue is not None and (wrong := queue_names.problem(queue, in_use)):
        raise Invalid({"queue": [wrong]})
    return queue
