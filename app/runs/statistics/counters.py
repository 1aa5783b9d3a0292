"""Counts runs into the hour and the slot of their end, once each, in the transaction that ends them."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from functools import cache
from typing import Any, cast

from sqlalchemy import Table, bindparam, delete, select, tuple_, update

from app.extensions import db, insert_into, transaction
from app.runs import states
from app.runs.statistics import totals
from app.runs.statistics.histogram import bucket
from app.runs.statistics.models import RunSlot, TaskHour
from app.runs.statistics.slots import slot_of
from celeriac_agent.settings import OWN_APP

KEPT_DAYS = 400  # a year, and some of the year before to compare with
SLOTS_KEPT_DAYS = 8  # a week, and what is left of the day on which it began
TIMED = (states.SUCCESS, states.FAILURE)

Key = tuple[str, str, datetime]  # app, task, hour
Row = dict[str, Any]

_TABLE = cast(Table, TaskHour.__table__)
_SLOTS = cast(Table, RunSlot.__table__)
_KEY = ("app", "task_name", "hour_at")
_COUNTS = ("succeeded", "failed", "others", "timed", "run_seconds", "run_times", "waits")


def count(ended: Iterable[Mapping[str, Any]], moved: totals.Numbers | None = None) -> None:
    """Add runs that have just ended to the numbers of their tasks, inside the caller's transaction.

    Each has the columns of its row. Rows of hours are locked in one order, after those of runs, and before
    the five minutes and the totals, which many share: so a transaction counts once, at its end. `moved` is
    what runs that did not end add to the totals.
    """
    numbers = moved or totals.Numbers()
    added: dict[Key, Row] = {}
    slots: dict[datetime, Row] = {}
    for run in ended:
        hour_at = run["ended_at"].replace(minute=0, second=0, microsecond=0)
        key = run["app"] or OWN_APP, run["task_name"], hour_at
        _add(added.setdefault(key, _nothing(key)), run)
        if (kind := _kind(run["state"])) != "others":
            slot_at = slot_of(run["ended_at"])
            slots.setdefault(slot_at, {"slot_at": slot_at, "succeeded": 0, "failed": 0})[kind] += 1
        totals.add_ended(numbers, run, _run_seconds(run), wait_seconds(run))
    if added:
        _count_hours(added)
    if slots:
        connection = db.session.connection()
        connection.execute(_adding(connection.dialect.name), [slots[at] for at in sorted(slots)])
    totals.add(numbers)


def _count_hours(added: Mapping[Key, Row]) -> None:
    connection = db.session.connection()
    known = _locked(list(added))
    if missing := sorted(added.keys() - known.keys()):
        rows = [_nothing(key) for key in missing]
        connection.execute(insert_into(connection.dialect.name, _TABLE).on_conflict_do_nothing(), rows)
        known |= _locked(missing)
    for key, row in known.items():
        for name in _COUNTS:
            row[name] = _sum(row[name], added[key][name])
    connection.execute(_UPDATE, [_parameters(known[key]) for key in sorted(known)])


def forget_before(now: datetime) -> int:
    """Delete hours of tasks that are older than 400 days and counts of five minutes older than 8 days.

    Returns how many hours.
    """
    with transaction() as session:
        session.connection().execute(
            delete(RunSlot).where(RunSlot.slot_at < now - timedelta(days=SLOTS_KEPT_DAYS))
        )
        old = delete(TaskHour).where(TaskHour.hour_at < now - timedelta(days=KEPT_DAYS))
        return int(session.connection().execute(old).rowcount)


def wait_seconds(run: Mapping[str, Any]) -> float | None:
    """How long a run waited that could have started; None when unknown, or when it was tried again."""
    if run["started_at"] is None or run["sent_at"] is None or run["attempt"]:
        return None
    able_at = max(run["sent_at"], run["eta_at"] or run["sent_at"])
    return max(0.0, float((run["started_at"] - able_at).total_seconds()))


def _run_seconds(run: Mapping[str, Any]) -> float | None:
    seconds: float | None = run["runtime_seconds"] if run["state"] in TIMED else None
    return seconds


def _kind(state: str) -> str:
    return "succeeded" if state == states.SUCCESS else "failed" if state in states.FAILED else "others"


def _add(row: Row, run: Mapping[str, Any]) -> None:
    row[_kind(run["state"])] += 1
    seconds = _run_seconds(run)
    if seconds is not None:
        row["timed"] += 1
        row["run_seconds"] += seconds
        _put(row["run_times"], seconds)
    waited = wait_seconds(run)
    if waited is not None:
        _put(row["waits"], waited)


def _put(histogram: dict[str, int], seconds: float) -> None:
    name = bucket(seconds)
    histogram[name] = histogram.get(name, 0) + 1


def _nothing(key: Key) -> Row:
    numbers: Row = dict.fromkeys(_COUNTS, 0) | {"run_seconds": 0.0, "run_times": {}, "waits": {}}
    return dict(zip(_KEY, key, strict=True)) | numbers


def _sum(old: Any, new: Any) -> Any:
    if isinstance(old, dict):
        return {name: old.get(name, 0) + new.get(name, 0) for name in {*old, *new}}
    return old + new


def _locked(keys: Sequence[Key]) -> dict[Key, Row]:
    """Rows that exist, locked (PostgreSQL; on SQLite the database is) until the end of the transaction."""
    key = [_TABLE.c[name] for name in _KEY]
    query = select(_TABLE).where(tuple_(*key).in_(sorted(keys))).order_by(*key).with_for_update()
    rows = db.session.connection().execute(query).mappings()
    return {(row["app"], row["task_name"], row["hour_at"]): dict(row) for row in rows}


def _parameters(row: Row) -> Row:
    return {f"{name}_": value for name, value in row.items()}


_UPDATE = (
    update(_TABLE)
    .where(*(_TABLE.c[name] == bindparam(f"{name}_") for name in _KEY))
    .values({name: bindparam(f"{name}_") for name in _COUNTS})
)


@cache
def _adding(dialect: str) -> Any:
    statement = insert_into(dialect, _SLOTS)
    sums = {name: _SLOTS.c[name] + statement.excluded[name] for name in ("succeeded", "failed")}
    return statement.on_conflict_do_update(index_elements=["slot_at"], set_=sums)
