"""Saved arguments against the signatures of today: what will fail is said before it fails."""

import hashlib
import json
import time
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from functools import lru_cache
from typing import Any

from flask_babel import gettext as _
from sqlalchemy import select, update

from app import catalog
from app.errors import Invalid
from app.extensions import db, transaction
from app.schedules import stored_arguments
from app.schedules.definition import ARGUMENTS, task_of
from app.schedules.models import Schedule, columns
from app.schedules.rows import announce
from app.schedules.validation import checked_arguments
from celeriac_agent.settings import OWN_APP

BATCH = 50  # so few that fires in the same process hardly wait for them
UNKNOWN = "unknown"

Problems = dict[str, list[str]]


def argument_problems(
    task_name: str,
    args: Sequence[Any],
    kwargs: Mapping[str, Any],
    now: datetime,
    timezone: str = "UTC",
    app: str | None = None,
) -> Problems:
    """What a task's present signature says against arguments, by parameter; empty when they fit.

    Also for waiting messages. Masked values are not known and not objected to.
    """
    info = catalog.lookup(task_name, app)
    if info is None:
        return {"task_name": [_("No task named %(name)s is known any more.", name=task_name)]}
    if unreadable := stored_arguments.problems(args, kwargs):
        return unreadable
    try:
        checked_arguments(info, list(args), dict(kwargs), timezone, now)
    except Invalid as error:
        return error.errors
    return {}


def drift_of(row: Any, now: datetime) -> Problems:
    """What signatures in this process say against a schedule's arguments, in the current language."""
    return argument_problems(row.task_name, row.args, row.kwargs, now, row.timezone, row.app or OWN_APP)


def signature(source: Any) -> str:
    """A fingerprint of the parameters of a schedule's task: the same as long as they are."""
    info = task_of(source)
    return UNKNOWN if info is None else _fingerprint(info)


def check_drift(now: datetime, rest: float = 0.0, everything: bool = False) -> int:
    """Check schedules and keep what was found on their rows; returns how many of them do not fit.

    Only those whose task has another signature than when they were checked, unless `everything`. `rest`: how
    many seconds it rests for each one that it works, where something else is to go on beside it.
    """
    misfits, changed = 0, False
    started = time.monotonic()
    for batch in _batches(everything):
        new = {row.id: drift_of(row, now) for row in batch}
        misfits += sum(bool(problems) for problems in new.values())
        changed = changed or any((row.drift or {}) != new[row.id] for row in batch)
        _keep(batch, new, signature(batch[0]))
        time.sleep((time.monotonic() - started) * rest)
        started = time.monotonic()
    if changed:
        announce()
    return misfits


@lru_cache(maxsize=10_000)
def _fingerprint(info: catalog.TaskInfo) -> str:
    passing = [(parameter.name, str(parameter.passing)) for parameter in info.parameters]
    text = json.dumps([passing, catalog.schema(info)], default=str)
    return hashlib.sha256(text.encode()).hexdigest()


def _batches(everything: bool) -> Iterator[Sequence[Any]]:
    """The rows to check, by their task and what they were checked against."""
    seen = select(Schedule.task_name, Schedule.app, Schedule.checked_signature).distinct()
    for group in db.session.execute(seen).all():
        if everything or group.checked_signature != signature(group):
            yield from _rows(group)


def _rows(group: Any) -> Iterator[Sequence[Any]]:
    query = select(*columns("id", "version", *ARGUMENTS, "timezone", "drift")).where(
        Schedule.task_name == group.task_name,
        Schedule.app.is_not_distinct_from(group.app),
        Schedule.checked_signature.is_not_distinct_from(group.checked_signature),
    )
    last = 0
    while True:
        rows = db.session.execute(query.where(Schedule.id > last).order_by(Schedule.id).limit(BATCH)).all()
        db.session.rollback()  # nothing is held while they are checked
        if not rows:
            return
        last = rows[-1].id
        yield rows


def _keep(batch: Sequence[Any], problems: Mapping[int, Problems], fingerprint: str) -> None:
    """Write what was found; what was edited meanwhile is left alone, for that checked it too."""
    with transaction() as session:
        for row in batch:
            session.execute(
                update(Schedule)
                .where(Schedule.id == row.id, Schedule.version == row.version)
                .values(drift=problems[row.id] or None, checked_signature=fingerprint)
                .execution_options(synchronize_session=False)
            )
