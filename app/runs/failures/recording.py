"""Counts failures into their kinds, in the transaction that writes them; what comes back is opened again."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from functools import cache
from typing import Any, cast

from sqlalchemy import Table, bindparam, case, insert, update

from app.extensions import db, insert_into
from app.runs import states
from app.runs.failures.models import (
    ERROR_MAX,
    IGNORED,
    KEY,
    KIND_MAX,
    OPEN,
    RESOLVED,
    FailureChange,
    FailureKind,
    Key,
)
from app.runs.filters import kind_of
from celeriac_agent.settings import OWN_APP

CAME_BACK = "came-back"
Row = dict[str, Any]
End = tuple[datetime, str]
_TABLE = cast(Table, FailureKind.__table__)
_CHANGES = cast(Table, FailureChange.__table__)


def note(ended: Iterable[Mapping[str, Any]]) -> None:
    """Count those of some runs that failed into their kinds, inside the caller's transaction.

    Each has the columns of its row. One statement, if none comes back; the rows of kinds are locked in one
    order, after those of runs.
    """
    kinds: dict[Key, Row] = {}
    failed: dict[Key, list[End]] = {}
    for run in ended:
        if run["state"] in states.FAILED:
            _add(kinds, failed, run)
    if not kinds:
        return
    connection = db.session.connection()
    rows = connection.execute(_adding(connection.dialect.name), [kinds[key] for key in sorted(kinds)])
    ids = {row["last_run_id"] for row in kinds.values()}
    if back := [_came_back(dict(row), failed) for row in rows.mappings() if row["reopened_run_id"] in ids]:
        connection.execute(_OPENED, back)
        connection.execute(
            insert(_CHANGES),
            [
                {"kind_id": kind["of"], "at": kind["at"], "action": CAME_BACK, "run_id": kind["by_run"]}
                for kind in back
            ],
        )


def _came_back(kind: Mapping[str, Any], failed: Mapping[Key, list[End]]) -> Row:
    """The first failure after a kind was closed, or after the time for which it was ignored."""
    since = kind["ignored_until"] or kind["state_at"]
    later = [end for end in failed[kind["app"], kind["task_name"], kind["kind"]] if end[0] > since]
    at, run_id = min(later)
    return {"of": kind["id"], "at": at, "by_run": run_id}


def _add(kinds: dict[Key, Row], failed: dict[Key, list[End]], run: Mapping[str, Any]) -> None:
    at = run["ended_at"] or run["created_at"]
    error = (run["error"] or "")[:ERROR_MAX]
    key = run["app"] or OWN_APP, run["task_name"], kind_of(error)[:KIND_MAX]
    failed.setdefault(key, []).append((at, run["id"]))
    row = kinds.get(key)
    if row is None:
        ends = {"first_at": at, "last_at": at, "first_run_id": run["id"], "last_run_id": run["id"]}
        kinds[key] = dict(zip(KEY, key, strict=True)) | {"error": error, "failures": 1} | ends
        return
    row["failures"] += 1
    if at < row["first_at"]:
        row |= {"first_at": at, "first_run_id": run["id"]}
    if at >= row["last_at"]:
        row |= {"last_at": at, "last_run_id": run["id"], "error": error}


@cache
def _adding(dialect: str) -> Any:
    statement = insert_into(dialect, _TABLE)
    old, new = _TABLE.c, statement.excluded
    since = case((old.state == RESOLVED, old.state_at), (old.state == IGNORED, old.ignored_until))
    is_back, is_first, is_last = (
        *(new.last_at > since, new.first_at < old.first_at, new.last_at >= old.last_at),
    )
    values = {"failures": old.failures + new.failures, "state": case((is_back, OPEN), else_=old.state)}
    for condition, names in (
        (is_first, {"first_at": new.first_at, "first_run_id": new.first_run_id}),
        (is_last, {"last_at": new.last_at, "last_run_id": new.last_run_id, "error": new.error}),
        (is_back, {"reopened_at": new.last_at, "reopened_run_id": new.last_run_id}),
    ):
        values |= {name: case((condition, value), else_=old[name]) for name, value in names.items()}
    upsert = statement.on_conflict_do_update(index_elements=KEY, set_=values)
    return upsert.returning(
        *(old[name] for name in ("id", *KEY, "state_at", "ignored_until", "reopened_run_id"))
    )


_OPENED = (
    update(_TABLE)
    .where(_TABLE.c.id == bindparam("of"))
    .values(reopened_at=bindparam("at"), reopened_run_id=bindparam("by_run"))
)
