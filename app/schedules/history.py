"""The change history of schedules: who changed what, with the values before and after."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, cast

from celery import Celery
from sqlalchemy import Table, insert, select
from sqlalchemy.orm import undefer

from app import audit, catalog
from app.errors import NotFound
from app.extensions import db
from app.schedules.definition import FIELDS, Definition
from app.schedules.models import Schedule, ScheduleChange

LIMIT = 200
Diff = dict[str, list[Any]]
_DATED = ("run_at", "anchor_at", "starts_at", "ends_at")


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
    made: Iterable[tuple[int, Definition]], diffs: Iterable[Diff], action: str, by: str | None, now: datetime
) -> None:
    """`record` of many new schedules at once, each with its id."""
    told = list(zip(made, diffs, strict=True))
    about = {"version": 1, "at": now, "by": by, "action": action, "note": None, "snapshot": None}
    db.session.connection().execute(
        insert(cast(Table, ScheduleChange.__table__)),
        [{"schedule_id": one[0], "schedule_name": one[1].name, "diff": diff} | about for one, diff in told],
    )
    things = ((one[0], one[1].name, {"diff": diff or None}) for one, diff in told)
    audit.record_all(f"schedule.{action}", now, "schedule", things)


def difference(celery_app: Celery, old: Definition | None, new: Definition) -> dict[str, list[Any]]:
    """`{field: [before, after]}` of what differs, as JSON with secrets masked; all that is set when new."""
    before = readable(celery_app, old) if old else {}
    after = readable(celery_app, new)
    if old is None:
        return {name: [None, value] for name, value in after.items() if value not in (None, [], {}, "")}
    return {name: [before[name], after[name]] for name in FIELDS if getattr(old, name) != getattr(new, name)}


def readable(celery_app: Celery, definition: Definition) -> dict[str, Any]:
    """The definition as JSON for people: times in RFC 3339, secrets masked."""
    info = catalog.lookup(celery_app, definition.task_name)
    args, kwargs, _masked = catalog.mask(info, definition.args, definition.kwargs)
    values = {name: getattr(definition, name) for name in FIELDS} | {"args": args, "kwargs": kwargs}
    return values | {name: values[name].isoformat() for name in _DATED if values[name] is not None}


def of(schedule_id: int, limit: int = LIMIT) -> list[ScheduleChange]:
    """The changes of a schedule, newest first; also of one that was deleted."""
    query = select(ScheduleChange).where(ScheduleChange.schedule_id == schedule_id)
    return list(db.session.scalars(query.order_by(ScheduleChange.id.desc()).limit(limit)))


def last_deletion(schedule_id: int) -> ScheduleChange:
    """The change that deleted a schedule, with its snapshot; raises `NotFound`."""
    query = select(ScheduleChange).where(
        ScheduleChange.schedule_id == schedule_id, ScheduleChange.action == "delete"
    )
    found = db.session.scalars(
        query.order_by(ScheduleChange.id.desc()).limit(1).options(undefer(ScheduleChange.snapshot))
    ).first()
    if found is None or found.snapshot is None:
        raise NotFound
    return found
