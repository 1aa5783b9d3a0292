"""Saved arguments against the signatures of today: what will fail is said before it fails."""

import time
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from celery import Celery
from flask_babel import gettext as _
from sqlalchemy import select, update

from app import catalog
from app.errors import Invalid
from app.extensions import db, transaction
from app.schedules import arguments
from app.schedules.models import Schedule
from app.schedules.rows import announce

BATCH = 200

Problems = dict[str, list[str]]


def problems(
    celery_app: Celery,
    task_name: str,
    args: Sequence[Any],
    kwargs: Mapping[str, Any],
    now: datetime,
    timezone: str = "UTC",
) -> Problems:
    """What a task's present signature says against arguments, by parameter; empty when they fit.

    Also for waiting messages. Masked values are not known and not objected to.
    """
    info = catalog.lookup(celery_app, task_name)
    if info is None:
        return {"task_name": [_("No task named %(name)s is known any more.", name=task_name)]}
    try:
        arguments.checked(info, list(args), dict(kwargs), timezone, now)
    except Invalid as error:
        return error.errors
    return {}


def of(celery_app: Celery, row: Any, now: datetime) -> Problems:
    """What signatures in this process say against a schedule's arguments, in the current language."""
    return problems(celery_app, row.task_name, row.args, row.kwargs, now, row.timezone)


def check(celery_app: Celery, now: datetime, rest: float = 0.0) -> int:
    """Check every schedule and keep what was found on its row; returns how many do not fit.

    Goes through the table in batches, and writes only where something changed. `rest`: how many seconds it
    rests for each one that it works, where something else is to go on beside it.
    """
    last, found, changed = 0, 0, False
    started = time.monotonic()
    while batch := _batch(last):
        last = batch[-1].id
        new = {
            row.id: problems(celery_app, row.task_name, row.args, row.kwargs, now, row.timezone)
            for row in batch
        }
        found += sum(bool(said) for said in new.values())
        differing = {row.id: new[row.id] for row in batch if (row.drift or {}) != new[row.id]}
        db.session.rollback()  # nothing is held while the next batch is checked
        if differing:
            _keep(differing)
            changed = True
        time.sleep((time.monotonic() - started) * rest)
        started = time.monotonic()
    if changed:
        announce()
    return found


def _batch(after: int) -> Sequence[Any]:
    query = select(
        Schedule.id, Schedule.task_name, Schedule.args, Schedule.kwargs, Schedule.timezone, Schedule.drift
    )
    return db.session.execute(query.where(Schedule.id > after).order_by(Schedule.id).limit(BATCH)).all()


def _keep(found: Mapping[int, Problems]) -> None:
    with transaction() as session:
        for schedule_id, said in found.items():
            session.execute(
                update(Schedule)
                .where(Schedule.id == schedule_id)
                .values(drift=said or None)
                .execution_options(synchronize_session=False)
            )
