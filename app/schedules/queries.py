"""Finds schedules: one by its id, pages of them, how their last runs ended."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import lru_cache
from typing import Any

from flask_babel import gettext as _
from sqlalchemy import CompoundSelect, Select, bindparam, func, select, tuple_, union_all

from app import broker, lists
from app.broker import topics
from app.errors import NotFound
from app.extensions import db
from app.lists import COUNT_CAP, LIMIT_MAX
from app.runs import Run
from app.schedules.definition import FIELDS
from app.schedules.filters import STATES, ScheduleFilter, matching
from app.schedules.models import CODE, Schedule, columns
from app.schedules.rows import ID_MAX

STRIP = 20
_BY_NAME = lists.Cursor(str, int)
_BY_NEXT = lists.Cursor(datetime | None, int)
NAMES_AT_ONCE = 5000  # SQLite takes 32,766 values in a statement
_STORED = select(*columns("id", "version", "run_count", "secrets_by", *FIELDS))


@dataclass(frozen=True)
class LastRun:
    """How one run of a schedule ended or stands, for the strip of its last ones."""

    run_id: str
    state: str
    due_at: datetime | None
    created_at: datetime
    started_at: datetime | None
    ended_at: datetime | None
    runtime_seconds: float | None


def get(schedule_id: int) -> Schedule:
    """The schedule; raises `NotFound`."""
    row = db.session.get(Schedule, schedule_id) if 0 < schedule_id <= ID_MAX else None
    if row is None:
        raise NotFound(_("There is no schedule %(id)s.", id=schedule_id))
    return row


def by_name(names: Sequence[str]) -> dict[str, Any]:
    """What the schedules of these names have been told to do: rows with the columns of a definition."""
    rows: dict[str, Any] = {}
    for some in _batches(names):
        rows |= {row.name: row for row in db.session.execute(_STORED.where(Schedule.name.in_(some)))}
    return rows


def locked_by_name(names: Sequence[str]) -> dict[str, Schedule]:
    """The schedules of these names, locked until the end of the caller's `transaction()`."""
    locked: dict[str, Schedule] = {}
    for some in _batches(names):
        query = select(Schedule).where(Schedule.name.in_(some)).order_by(Schedule.id).with_for_update()
        rows = db.session.scalars(query.execution_options(populate_existing=True))
        locked |= {row.name: row for row in rows}
    return locked


def _batches(names: Sequence[str]) -> Iterator[Sequence[str]]:
    return (names[start : start + NAMES_AT_ONCE] for start in range(0, len(names), NAMES_AT_ONCE))


def page(criteria: ScheduleFilter, limit: int = 50, cursor: str | None = None) -> lists.Page[Schedule]:
    """Schedules that match, in the filter's order, by keyset; raises `Invalid` for a bad cursor."""
    limit = min(limit, LIMIT_MAX)
    query = matching(criteria)
    if criteria.order == "next":
        query = query.order_by(Schedule.next_run_at.is_(None), Schedule.next_run_at, Schedule.id)
    else:
        query = query.order_by(Schedule.name, Schedule.id)
    if cursor:
        query = query.where(_after(criteria, cursor))
    return lists.Page.of(db.session.scalars(query.limit(limit + 1)).all(), limit, _cursor_of(criteria))


def everything() -> list[Schedule]:
    """All schedules that people made, by name, for export; those defined in code live there."""
    return list(db.session.scalars(select(Schedule).where(Schedule.origin != CODE).order_by(Schedule.name)))


def ids(criteria: ScheduleFilter, limit: int) -> list[int]:
    """The ids of the schedules that match, by name, at most `limit`: frozen for an action on all of them."""
    query = matching(criteria).with_only_columns(Schedule.id).order_by(Schedule.name).limit(limit)
    return list(db.session.scalars(query))


def counts(criteria: ScheduleFilter, now: datetime) -> dict[str, int]:
    """How many match in whatever state ("all") and in each; counted up to 10,001 each ("10,000+")."""
    states = {"all": None} | {state: state for state in STATES}
    return {name: _count(matching(replace(criteria, state=state, at=now))) for name, state in states.items()}


def strips(schedule_ids: Sequence[int], length: int = STRIP) -> dict[int, list[LastRun]]:
    """The last runs of each schedule, oldest first: one look into the index for each."""
    if not schedule_ids:
        return {}
    strips_by_id: dict[int, list[LastRun]] = {schedule_id: [] for schedule_id in schedule_ids}
    parameters = {f"id_{index}": schedule_id for index, schedule_id in enumerate(schedule_ids)}
    for row in db.session.execute(_newest_of_each(len(parameters), length), parameters):
        strips_by_id[row.schedule_id].append(LastRun(*row[1:]))
    for outcomes in strips_by_id.values():
        outcomes.sort(key=lambda last_run: (last_run.created_at, last_run.run_id))
    return strips_by_id


@lru_cache(maxsize=200)
def _newest_of_each(number: int, length: int) -> CompoundSelect[Any]:
    """The newest runs of so many schedules; a statement of so many parts is made once."""
    newest = [
        select(
            select(Run.schedule_id, *_OUTCOME)
            .where(Run.schedule_id == bindparam(f"id_{index}"))
            .order_by(Run.created_at.desc(), Run.id.desc())
            .limit(length)
            .subquery()
        )
        for index in range(number)
    ]
    return union_all(*newest)


_OUTCOME = (Run.id, Run.state, Run.due_at, Run.created_at, Run.started_at, Run.ended_at, Run.runtime_seconds)


def zones() -> list[str]:
    """The time zones that schedules have, by name."""
    return list(db.session.scalars(select(Schedule.timezone).distinct().order_by(Schedule.timezone)))


def version() -> str:
    """The version of what pages show of schedules; it moves with every edit and every fire."""
    return topics.version(broker.client(), "schedules")


def _count(query: Select[Schedule]) -> int:
    capped = query.with_only_columns(Schedule.id).limit(COUNT_CAP + 1).subquery()
    return int(db.session.scalar(select(func.count()).select_from(capped)) or 0)


def _after(criteria: ScheduleFilter, cursor: str) -> Any:
    if criteria.order != "next":
        return tuple_(Schedule.name, Schedule.id) > tuple_(*_BY_NAME.read(cursor))
    moment, schedule_id = _BY_NEXT.read(cursor)
    if moment is None:
        return Schedule.next_run_at.is_(None) & (Schedule.id > schedule_id)
    later = tuple_(Schedule.next_run_at, Schedule.id) > tuple_(moment, schedule_id)
    return Schedule.next_run_at.is_(None) | later


def _cursor_of(criteria: ScheduleFilter) -> Callable[[Schedule], str]:
    if criteria.order == "next":
        return lambda row: _BY_NEXT.write(row.next_run_at, row.id)
    return lambda row: _BY_NAME.write(row.name, row.id)
