"""Finds schedules: one by its id, pages of them, how their last runs ended."""

import base64
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

from flask_babel import gettext as _
from sqlalchemy import CompoundSelect, Select, and_, bindparam, func, or_, select, true, tuple_, union_all

from app import broker
from app.broker import topics
from app.errors import Invalid, NotFound
from app.extensions import db
from app.runs import LIMIT_MAX, Run
from app.runs.text import storable
from app.schedules import lateness
from app.schedules.definition import FIELDS
from app.schedules.models import CODE, Schedule
from app.schedules.rows import ID_MAX

COUNT_CAP = 10_000
STRIP = 20
ORDERS = ("name", "next")
NAMES_AT_ONCE = 5000  # SQLite takes 32,766 values in a statement
_TOLD = select(
    Schedule.id, Schedule.version, Schedule.run_count, Schedule.secrets_by,
    *(getattr(Schedule, name) for name in FIELDS),
)  # fmt: skip


@dataclass(frozen=True)
class Filter:
    """Which schedules; empty fields let all through. `late_at`: those that are late at that moment."""

    q: str | None = None
    task_name: str | None = None
    task_type: str | None = None
    queue: str | None = None
    timezone: str | None = None
    enabled: bool | None = None
    origin: str | None = None
    late_at: datetime | None = None
    failing: bool = False


@dataclass(frozen=True)
class Page:
    """One page of schedules and the cursor of the next one."""

    items: list[Schedule] = field(default_factory=list)
    next_cursor: str | None = None


@dataclass(frozen=True)
class Outcome:
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
    found: dict[str, Any] = {}
    for some in _batches(names):
        found |= {row.name: row for row in db.session.execute(_TOLD.where(Schedule.name.in_(some)))}
    return found


def locked_by_name(names: Sequence[str]) -> dict[str, Schedule]:
    """The schedules of these names, locked until the end of the caller's `transaction()`."""
    found: dict[str, Schedule] = {}
    for some in _batches(names):
        query = select(Schedule).where(Schedule.name.in_(some)).order_by(Schedule.id).with_for_update()
        rows = db.session.scalars(query.execution_options(populate_existing=True))
        found |= {row.name: row for row in rows}
    return found


def _batches(names: Sequence[str]) -> Iterator[Sequence[str]]:
    return (names[start : start + NAMES_AT_ONCE] for start in range(0, len(names), NAMES_AT_ONCE))


def page(wanted: Filter, limit: int = 50, cursor: str | None = None, order: str = "name") -> Page:
    """Schedules that match, by keyset: by name, or by "next" (first what fires next, last what does not).

    Raises `Invalid` for a bad cursor.
    """
    limit = min(limit, LIMIT_MAX)
    query = _matching(wanted)
    if order == "next":
        query = query.order_by(Schedule.next_run_at.is_(None), Schedule.next_run_at, Schedule.id)
    else:
        query = query.order_by(Schedule.name, Schedule.id)
    if cursor:
        query = query.where(_after(order, cursor))
    found = list(db.session.scalars(query.limit(limit + 1)))
    items = found[:limit]
    return Page(items, _encode(items[-1], order) if len(found) > limit else None)


def everything() -> list[Schedule]:
    """All schedules that people made, by name, for export; those defined in code live there."""
    return list(db.session.scalars(select(Schedule).where(Schedule.origin != CODE).order_by(Schedule.name)))


def ids(wanted: Filter, limit: int) -> list[int]:
    """The ids of the schedules that match, by name, at most `limit`: frozen for an action on all of them."""
    query = _matching(wanted).with_only_columns(Schedule.id).order_by(Schedule.name).limit(limit)
    return list(db.session.scalars(query))


def counts(wanted: Filter, now: datetime) -> dict[str, int]:
    """How many match: all, enabled, disabled, late, failing; each is counted up to 10,001 ("10,000+")."""
    parts = {
        "all": _matching(wanted),
        "enabled": _matching(wanted).where(Schedule.enabled),
        "disabled": _matching(wanted).where(~Schedule.enabled),
        "late": _matching(wanted).where(lateness.is_late(now)),
        "failing": _matching(wanted).where(lateness.is_failing()),
    }
    return {name: _count(query) for name, query in parts.items()}


def of_task(task_name: str, limit: int = 100) -> list[Schedule]:
    """The schedules of a task, oldest first."""
    query = select(Schedule).where(Schedule.task_name == task_name).order_by(Schedule.id).limit(limit)
    return list(db.session.scalars(query))


def strips(schedule_ids: Sequence[int], length: int = STRIP) -> dict[int, list[Outcome]]:
    """The last runs of each schedule, oldest first: one look into the index for each."""
    if not schedule_ids:
        return {}
    found: dict[int, list[Outcome]] = {schedule_id: [] for schedule_id in schedule_ids}
    places = {f"id_{place}": schedule_id for place, schedule_id in enumerate(schedule_ids)}
    for row in db.session.execute(_newest_of_each(len(places), length), places):
        found[row.schedule_id].append(Outcome(*row[1:]))
    for outcomes in found.values():
        outcomes.sort(key=lambda one: (one.created_at, one.run_id))
    return found


@lru_cache(maxsize=200)
def _newest_of_each(number: int, length: int) -> CompoundSelect[Any]:
    """The newest runs of so many schedules; a statement of so many parts is made once."""
    newest = [
        select(
            select(Run.schedule_id, *_OUTCOME)
            .where(Run.schedule_id == bindparam(f"id_{place}"))
            .order_by(Run.created_at.desc(), Run.id.desc())
            .limit(length)
            .subquery()
        )
        for place in range(number)
    ]
    return union_all(*newest)


_OUTCOME = (Run.id, Run.state, Run.due_at, Run.created_at, Run.started_at, Run.ended_at, Run.runtime_seconds)


def zones() -> list[str]:
    """The time zones that schedules have, by name."""
    return list(db.session.scalars(select(Schedule.timezone).distinct().order_by(Schedule.timezone)))


def version() -> str:
    """The version of what pages show of schedules; it moves with every edit and every fire."""
    return topics.version(broker.client(), "schedules")


def _matching(wanted: Filter) -> Select[Schedule]:
    query = select(Schedule)
    for column, value in (
        (Schedule.task_name, wanted.task_name),
        (Schedule.task_type, wanted.task_type),
        (Schedule.queue, wanted.queue),
        (Schedule.timezone, wanted.timezone),
        (Schedule.origin, wanted.origin),
    ):
        if value:
            query = query.where(column == value)
    if wanted.enabled is not None:
        query = query.where(Schedule.enabled if wanted.enabled else ~Schedule.enabled)
    if wanted.late_at is not None:
        query = query.where(lateness.is_late(wanted.late_at))
    if wanted.failing:
        query = query.where(lateness.is_failing())
    return query.where(_text_matches(wanted.q)) if wanted.q else query


def _text_matches(text: str) -> Any:
    """Every word is somewhere in the name, the task or the note."""
    columns = (Schedule.name, Schedule.task_name, Schedule.note)
    words = text.split()[:10]
    return and_(true(), *(or_(*(one.icontains(word, autoescape=True) for one in columns)) for word in words))


def _count(query: Select[Schedule]) -> int:
    capped = query.with_only_columns(Schedule.id).limit(COUNT_CAP + 1).subquery()
    return int(db.session.scalar(select(func.count()).select_from(capped)) or 0)


def _after(order: str, cursor: str) -> Any:
    try:
        key, schedule_id = _decode(cursor)
        if order != "next":
            return tuple_(Schedule.name, Schedule.id) > tuple_(storable(key or ""), schedule_id)
        if key is None:
            return Schedule.next_run_at.is_(None) & (Schedule.id > schedule_id)
        moment = datetime.fromisoformat(key).astimezone(UTC)
    except (ValueError, TypeError, OverflowError, RecursionError):
        raise Invalid({"cursor": [_("This cursor is not one that a list returned.")]}) from None
    later = tuple_(Schedule.next_run_at, Schedule.id) > tuple_(moment, schedule_id)
    return Schedule.next_run_at.is_(None) | later


def _encode(row: Schedule, order: str) -> str:
    key: Any = row.name
    if order == "next":
        key = row.next_run_at.isoformat() if row.next_run_at else None
    return base64.urlsafe_b64encode(json.dumps([key, row.id]).encode()).decode().rstrip("=")


def _decode(cursor: str) -> tuple[str | None, int]:
    """The key and the id that a cursor stands at; raises ValueError and its like."""
    key, schedule_id = json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
    if not isinstance(key, str | None) or type(schedule_id) is not int or abs(schedule_id) > ID_MAX:
        raise ValueError(cursor)
    return key, schedule_id
