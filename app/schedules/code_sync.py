"""Schedules that code defines: taken over, kept beside people's edits, retired when the code drops them.

Who owns what: the code owns a field as long as nobody changed it here. A change in the code then moves it,
and leaves what a person changed. Whether a schedule is enabled is a person's, never the code's.
"""

import logging
from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from celery import Celery
from flask_babel import gettext as _
from sqlalchemy import select
from sqlalchemy.exc import IntegrityError

from app import catalog
from app.accounts import permits
from app.errors import Conflict
from app.extensions import db, transaction
from app.schedules import edits, history, rows, stored_secrets
from app.schedules.code_entries import CodeEntries, CodeProblem, read
from app.schedules.definition import FIELDS, TIMING, Definition
from app.schedules.models import CODE, Schedule, from_json, to_json
from app.schedules.validation import with_app

OWNED = tuple(name for name in FIELDS if name not in ("name", "app", "enabled", "anchor_at", "note"))
_TOGETHER = (*TIMING, "timezone")  # overridden in one of them, the timing is a person's

logger = logging.getLogger(__name__)


def told_by_code(
    celery_app: Celery, modules: Iterable[Any], timezone: str, now: datetime, whole: bool
) -> dict[str, Any]:
    """What the code in this process defines, as JSON: workers tell it with their tasks."""
    reading = read(celery_app, modules, timezone, now, whole)
    entries = {
        key: to_json({name: getattr(definition, name) for name in OWNED})
        for key, definition in reading.definitions.items()
    }
    problems = [[problem.key, catalog.Said.of(problem.message).model_dump()] for problem in reading.problems]
    return {"whole": whole, "entries": entries, "problems": problems}


def code_entries() -> CodeEntries:
    """What the code of our workers defines, and what of it cannot be taken over; nothing before one told."""
    published = catalog.setup().schedules
    definitions = {
        key: Definition(name=key, **from_json(kept)) for key, kept in published.get("entries", {}).items()
    }
    problems = [
        CodeProblem(key, catalog.Said.model_validate(said)) for key, said in published.get("problems", ())
    ]
    return CodeEntries(definitions, problems, bool(published.get("whole")))


def sync_code(now: datetime) -> list[str]:
    """Bring the table to what the code defines; returns a sentence for each change.

    Any number of beats may do so at once. While a module cannot be imported nothing is retired: its entries
    have not vanished.
    """
    in_code = code_entries()
    for problem in in_code.problems:
        logger.warning("beat_schedule entry %s is left out: %s", problem.key, problem.message)
    sentences = []
    for key, definition in in_code.definitions.items():
        try:
            sentences += _sync_entry(key, definition, now)
        except IntegrityError:
            continue  # another beat was faster
    if in_code.whole:
        sentences += _retire(set(in_code.definitions), now)
    if sentences:
        rows.announce()
    return sentences


def overridden(row: Schedule) -> list[str]:
    """The fields in which a schedule from code differs from its code, in the order of the form."""
    if row.code_definition is None:
        return []
    return _overridden(row, _read(row.code_definition))


def reset_to_code(schedule_id: int, by: str | None, now: datetime) -> Schedule:
    """Put every field back to what the code says; enabled or not stays. Raises `NotFound` and `Conflict`."""

    def work() -> Schedule:
        row = rows.locked(schedule_id)
        if row.code_definition is None:
            raise Conflict(_("This schedule is not defined in code."), code="not-from-code")
        code = _read(row.code_definition)
        permits.require(row.task_name, row.app, row.args, row.kwargs)
        permits.require(code["task_name"], code.get("app"), code.get("args", ()), code.get("kwargs"))
        return _apply(row, code, by, now, "reset")

    return edits.changing(work)


def _sync_entry(key: str, definition: Definition, now: datetime) -> list[str]:
    code = to_json({name: getattr(definition, name) for name in OWNED})
    known = db.session.scalar(select(Schedule).where(Schedule.code_key == key))
    same = known is not None and known.code_definition == code and known.retired_at is None
    if known is not None and same and not _of_others(known):
        return []  # as nearly always: no write lock is taken
    with transaction():
        row = db.session.scalar(select(Schedule).where(Schedule.code_key == key).with_for_update())
        if row is None:
            _make(key, definition, code, now)
            return [f"{key}: new"]
        return _update(row, code, now)


def _make(key: str, definition: Definition, code: dict[str, Any], now: datetime) -> Schedule:
    """A new row; one with arguments that do not fit is made all the same, and shown so."""
    row = Schedule(version=1, created_at=now, updated_at=now, run_count=0, failures=0)
    row.origin, row.code_key, row.code_definition = CODE, key, code
    definition = with_app(replace(definition, name=rows.free_name(key)))
    if definition.task_type == "interval":
        definition = replace(definition, anchor_at=now)
    definition.write(row)
    db.session.add(row)
    db.session.flush()
    rows.start(row, now)
    history.record(row, "create", None, now, history.difference(None, definition))
    return row


def _update(row: Schedule, code: dict[str, Any], now: datetime) -> list[str]:
    """Move what nobody changed here, and bring a retired one back."""
    sentences = []
    new, old = _read(code), _read(row.code_definition or {})
    kept = set(_overridden(row, old))
    if kept & set(_TOGETHER):
        kept |= set(_TOGETHER)
    changes = {name: new[name] for name in OWNED if name not in kept and new[name] != old.get(name)}
    if "task_name" not in changes and (app := _of_others(row)):
        changes["app"] = app
    row.code_definition = code
    if row.retired_at is not None:
        row.retired_at = None
        rows.touched(row, None, now)
        rows.start(row, now)
        history.record(row, "return", None, now)
        sentences.append(f"{row.code_key}: back")
    if changes:
        _apply(row, changes, None, now, "sync")
        sentences.append(f"{row.code_key}: {', '.join(changes)}")
    return sentences


def _of_others(row: Schedule) -> str | None:
    """The only other app with the task, where our code names one that it does not have and never ran."""
    return None if row.app or row.run_count else catalog.whose(row.task_name, None)


def _apply(row: Schedule, changes: Mapping[str, Any], by: str | None, now: datetime, action: str) -> Schedule:
    """Write fields that come from code, unchecked: the task may not have been deployed yet."""
    old = Definition.of(row)
    new = edits.merged(old, changes, now)
    if not (diff := history.difference(old, new)):
        return row
    edits.write(row, old, new, by, now)
    if not stored_secrets.unchanged(old, new):
        row.secrets_by = None
    history.record(row, action, by, now, diff)
    return row


def _retire(keys: set[str], now: datetime) -> list[str]:
    """Stop what the code no longer defines; a person may delete it then."""
    query = select(Schedule.id, Schedule.code_key).where(
        Schedule.origin == CODE, Schedule.retired_at.is_(None), Schedule.code_key.not_in(keys)
    )
    sentences = []
    for schedule_id, key in db.session.execute(query).all():
        with transaction():
            row = rows.locked(schedule_id)
            if row.retired_at is None:
                row.retired_at = now
                rows.touched(row, None, now)
                rows.start(row, now)
                history.record(row, "retire", None, now)
                sentences.append(f"{key}: retired")
    return sentences


def _overridden(row: Schedule, code: Mapping[str, Any]) -> list[str]:
    return [name for name in OWNED if name in code and getattr(row, name) != code[name]]


def _read(code: Mapping[str, Any]) -> dict[str, Any]:
    return from_json(dict(code))
