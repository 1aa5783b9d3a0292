"""A schedule's task is run now, and a task is run once at a time of its own."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from flask_babel import gettext as _

from app import audit, broker, catalog, runs
from app.accounts import permits
from app.broker import topics
from app.errors import Conflict
from app.extensions import transaction
from app.runs import Run, creation, outbox, row_writer, states
from app.schedules import code_checks, due_arguments, rows
from app.schedules.decisions import Unfinished, kinds
from app.schedules.definition import Definition, task_of
from app.schedules.edits import changing, insert
from app.schedules.firing import unfinished
from app.schedules.models import Schedule
from app.schedules.policies import Overlap, decide_overlap
from app.schedules.timing import zone
from app.schedules.validation import checked_arguments, with_app


def run_now(
    schedule_id: int, by: str | None, now: datetime, overlap: Overlap | None = None, note: str = ""
) -> Run:
    """Run the schedule's task now with its arguments, as if it were due at `now`; moves nothing of it.

    `overlap` takes the place of the schedule's policy for this one run. Raises `NotFound`, `Invalid` for
    arguments that do not fit the task any more, and `Conflict`: "unknown-task", "another-app" for a broker of
    others, or "overlap" when an earlier run is not finished and the policy is to skip.
    """
    broker.require_own()
    claimed = time.monotonic()
    with transaction():
        row = rows.locked(schedule_id)
        permits.require(row.task_name, row.app, row.args, row.kwargs)
        info = task_of(row)
        if info is None:
            raise Conflict(_("No task named %(name)s is known.", name=row.task_name), code="unknown-task")
        resolved = _resolved(info, row, now)
        new = runs.new_run(
            row.task_name,
            info,
            resolved,
            now,
            _begin(row, resolved, overlap or row.overlap, now),
            queue=row.queue,
            priority=row.priority,
            rerun_of=row.rerun_of,
            requested_by=by,
            schedule_id=row.id,
        )
        row_writer.insert_new([new], creation.COLUMNS)
        details = {"run_id": new["id"], "note": note or None} | audit.arguments(new["args"], new["kwargs"])
        audit.record("schedule.run", now, "schedule", row.id, row.name, **details)
    if new["state"] == states.PENDING:
        sent = outbox.send_many([outbox.message(new)], claimed)
        outbox.fail(sent.failed, now)
    else:
        rows.announce()
    topics.touch(broker.client(), ["runs"])
    return runs.get(new["id"])


def run_once_at(
    task_name: str,
    args: Sequence[Any],
    kwargs: Mapping[str, Any],
    run_at: datetime,
    by: str | None,
    now: datetime,
    rerun_of: str | None = None,
    **fields: Any,
) -> Schedule:
    """A one-time schedule for a task; `fields` are further ones of a definition (app, queue, timezone …).

    `rerun_of` is the id of an earlier run that it runs again. Without a `name` it is called after task and
    moment. Raises `Invalid` by field.
    """
    called = fields.pop("name", None) or _called(task_name, run_at, fields.get("timezone", "UTC"))
    definition = with_app(
        Definition(
            name=called,
            task_name=task_name,
            task_type="one_time",
            run_at=run_at,
            args=list(args),
            kwargs=dict(kwargs),
            **fields,
        )
    )
    code_checks.require(definition, now)

    def work() -> Schedule:
        row = insert(replace(definition, name=rows.free_name(definition.name)), by, now)
        row.rerun_of = rerun_of
        return row

    return changing(work)


def _called(task_name: str, run_at: datetime, timezone: str) -> str:
    moment = f"{run_at.astimezone(zone(timezone)):%Y-%m-%d %H:%M}"
    return _("%(task)s at %(time)s %(zone)s", task=task_name, time=moment, zone=timezone)


def _resolved(info: catalog.TaskInfo, row: Schedule, now: datetime) -> catalog.Arguments:
    checked = checked_arguments(info, row.args, row.kwargs, row.timezone, now)
    return catalog.Arguments(
        *due_arguments.resolve(checked.args, checked.kwargs, now, zone(row.timezone), kinds(info))
    )


def _begin(row: Schedule, resolved: catalog.Arguments, overlap: Any, now: datetime) -> creation.Row:
    """Whether it is sent or buffered; raises `Conflict` when it is neither."""
    open_runs = unfinished([row.id]).get(row.id, Unfinished())
    match decide_overlap(overlap, open_runs.sent, open_runs.buffered):
        case "run":
            return creation.waiting(resolved, now, row.message_ttl_seconds)
        case "buffer" | "cancel":
            return creation.buffered(resolved, row.message_ttl_seconds)
        case _:
            raise Conflict(_("An earlier run of this schedule has not finished."), code="overlap")
