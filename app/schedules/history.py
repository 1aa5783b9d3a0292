"""The change history of schedules: who changed what, with the values before and after."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, cast

from sqlalchemy import Table, insert, select
from sqlalchemy.orm import defer, undefer

from app import app_names, audit, catalog
from app.errors import NotFound
from app.extensions import db
from app.schedules.definition import FIELDS, MOMENTS, Definition, task_of
from app.schedules.models import Schedule, ScheduleChange
from celeriac_agent.settings import OWN_APP

LIMIT, BETWEEN_MOST = 200, 100
Diff = dict[str, list[Any]]
Entry = tuple[int, str, int, Diff]  # a schedule's id, name and version, and what differs


def record(
    row: Schedule,
    action: str,
    by: str | None,
    now: datetime,
    diff: Mapping[str, Any] | None = None,
    note: str | None = None,
    snapshot: dict[str, Any] | None = None,
) -> None:
    """Note a change inside the caller's `transaction()`, here and in the audit log."""
    change = ScheduleChange(
        schedule_id=row.id,
        schedule_name=row.name,
        version=row.version,
        at=now,
        by=by,
        action=action,
        note=note or None,
        diff=dict(diff or {}),
        snapshot=snapshot,
    )
    db.session.add(change)
    details: dict[str, Any] = {"diff": dict(diff) if diff else None, "note": note or None}
    audit.record(f"schedule.{action}", now, "schedule", row.id, row.name, **details)


def record_all(
    changes: Sequence[Entry], action: str, by: str | None, now: datetime, note: str | None = None
) -> None:
    """`record` of many changes at once, past the session."""
    if not changes:
        return
    about = {"at": now, "by": by, "action": action, "note": note, "snapshot": None}
    db.session.connection().execute(
        insert(cast(Table, ScheduleChange.__table__)),
        [
            {"schedule_id": id, "schedule_name": name, "version": version, "diff": diff, **about}
            for id, name, version, diff in changes
        ],
    )
    things = ((id, name, {"diff": diff or None, "note": note}) for id, name, _version, diff in changes)
    audit.record_all(f"schedule.{action}", now, "schedule", things)


def difference(old: Definition | None, new: Definition) -> dict[str, list[Any]]:
    """`{field: [before, after]}` of what differs, as JSON with secrets masked; all that is set when new."""
    if old is None:
        set_ = readable(new)
        return {name: [None, value] for name, value in set_.items() if value or isinstance(value, int)}
    names = [name for name in FIELDS if getattr(old, name) != getattr(new, name)]
    if not names:
        return {}
    before, after = readable(old, names), readable(new, names)
    return {name: [before[name], after[name]] for name in names}


def readable(definition: Definition, names: Sequence[str] = FIELDS) -> dict[str, Any]:
    """The definition as JSON for people, or some fields of it: times in RFC 3339, secrets masked."""
    values = {name: getattr(definition, name) for name in names}
    if "args" in values or "kwargs" in values:
        info = task_of(definition)
        args, kwargs = catalog.hide(info, definition.args, definition.kwargs)
        values |= {name: part for name, part in (("args", args), ("kwargs", kwargs)) if name in values}
    return values | {name: values[name].isoformat() for name in MOMENTS if values.get(name) is not None}


def changes_of(schedule_id: int, limit: int = LIMIT) -> list[ScheduleChange]:
    """The changes of a schedule, newest first; also of one that was deleted."""
    query = select(ScheduleChange).where(ScheduleChange.schedule_id == schedule_id)
    return list(db.session.scalars(query.order_by(ScheduleChange.id.desc()).limit(limit)))


def changes_between(
    since: datetime, until: datetime, app: str | None = None, task_name: str | None = None
) -> list[ScheduleChange]:
    """That people changed schedules in a time, those of a task that are there or all: the newest 100."""
    query = select(ScheduleChange).where(
        ScheduleChange.at >= since, ScheduleChange.at < until, ScheduleChange.by.is_not(None)
    )
    query = query.options(defer(ScheduleChange.diff), defer(ScheduleChange.note))  # what changed is not asked
    if task_name is not None:
        query = query.join(Schedule, Schedule.id == ScheduleChange.schedule_id)
        query = query.where(app_names.is_of(Schedule.app, app or OWN_APP), Schedule.task_name == task_name)
    return list(db.session.scalars(query.order_by(ScheduleChange.at.desc()).limit(BETWEEN_MOST)))


def last_deletion(schedule_id: int) -> ScheduleChange:
    """The change that deleted a schedule, with its snapshot, locked; raises `NotFound`."""
    query = select(ScheduleChange).where(
        ScheduleChange.schedule_id == schedule_id, ScheduleChange.action == "delete"
    )
    change = db.session.scalars(
        query.order_by(ScheduleChange.id.desc())
        .limit(1)
        .options(undefer(ScheduleChange.snapshot))
        .with_for_update()
    ).first()
    if change is None or change.snapshot is None:
        raise NotFound
    return change
