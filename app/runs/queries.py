"""Finds runs: one by its id, pages of them newest first, counts by state."""

import base64
import binascii
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from flask_babel import gettext as _
from sqlalchemy import (
    ColumnElement,
    Select,
    String,
    and_,
    cast,
    column,
    func,
    literal,
    or_,
    select,
    true,
    tuple_,
    union_all,
    values,
)
from sqlalchemy.orm import undefer

from app.errors import Invalid, NotFound
from app.extensions import db
from app.runs import states
from app.runs.models import HistoryGap, Run

COUNT_CAP = 10_000
LIMIT_MAX = 200


@dataclass(frozen=True)
class Filter:
    """Which runs; empty fields let every run through."""

    state: Sequence[str] = ()
    task_name: str | None = None
    queue: str | None = None
    worker: str | None = None
    schedule_id: int | None = None
    requested_by: str | None = None
    since: datetime | None = None
    until: datetime | None = None
    q: str | None = None


@dataclass(frozen=True)
class Page:
    """One page of runs, newest first, and the cursor of the next one."""

    items: list[Run] = field(default_factory=list)
    next_cursor: str | None = None


def get(run_id: str) -> Run:
    """The whole run; raises `NotFound`."""
    run = db.session.get(Run, run_id, options=[undefer("*")], populate_existing=True)
    if run is None:
        raise NotFound(_("There is no run %(id)s.", id=run_id[:80]))
    return run


def page(wanted: Filter, limit: int = 50, cursor: str | None = None) -> Page:
    """Runs that match, newest first, by keyset over (created_at, id); raises `Invalid` for a bad cursor."""
    query = _matching(wanted).order_by(Run.created_at.desc(), Run.id.desc())
    if cursor:
        query = query.where(tuple_(Run.created_at, Run.id) < tuple_(*_decode(cursor)))
    found = list(db.session.scalars(query.limit(limit + 1)).all())
    items = found[:limit]
    return Page(items, _encode(items[-1]) if len(found) > limit else None)


def newer_than(wanted: Filter, first: str) -> int:
    """How many matching runs are newer than the run at a cursor (at most 100 are counted)."""
    query = _matching(wanted).where(tuple_(Run.created_at, Run.id) > tuple_(*_decode(first)))
    return int(
        db.session.scalar(
            select(func.count()).select_from(query.with_only_columns(Run.id).limit(100).subquery())
        )
        or 0
    )


def counts() -> dict[str, int]:
    """How many runs are in each state, each counted up to 10,001 (meaning "more than 10,000")."""
    parts = [
        select(literal(state), func.count()).select_from(
            select(Run.id).where(Run.state == state).limit(COUNT_CAP + 1).subquery()
        )
        for state in states.ALL
    ]
    return {state: number for state, number in db.session.execute(union_all(*parts)) if number}


def last_arguments(task_name: str) -> Run | None:
    """The newest run of a task whose arguments are known, for filling a form again."""
    query = select(Run).where(Run.task_name == task_name, Run.args.is_not(None))
    return db.session.scalars(query.order_by(Run.created_at.desc(), Run.id.desc()).limit(1)).first()


def latest(task_names: Sequence[str]) -> dict[str, Run]:
    """The newest run of each task that has one: one look into the index for each name."""
    if not task_names:
        return {}
    names = values(column("name", String), name="names").data([(name,) for name in task_names]).cte("names")
    newest = (
        select(Run.id)
        .where(Run.task_name == names.c.name)
        .order_by(Run.created_at.desc(), Run.id.desc())
        .limit(1)
        .correlate(names)
        .scalar_subquery()
    )
    found = db.session.scalars(select(Run).where(Run.id.in_(select(newest).select_from(names))))
    return {run.task_name: run for run in found}


def reruns(run_id: str) -> list[Run]:
    """Runs that were made by rerunning a run, oldest first."""
    return list(
        db.session.scalars(select(Run).where(Run.rerun_of == run_id).order_by(Run.created_at).limit(50))
    )


def children(run_id: str) -> list[Run]:
    """Runs that a run sent from its body, oldest first."""
    query = select(Run).where(Run.root_id == run_id, Run.id != run_id)
    return list(db.session.scalars(query.order_by(Run.created_at).limit(200)))


def gaps(now: datetime, days: int = 7) -> list[HistoryGap]:
    """Spans of the last days of which events were lost."""
    since = now - timedelta(days=days)
    return list(
        db.session.scalars(select(HistoryGap).where(HistoryGap.until_at > since).order_by(HistoryGap.from_at))
    )


def cursor_of(run: Run) -> str:
    """The cursor that stands at a run."""
    return _encode(run)


def _matching(wanted: Filter) -> Select[Run]:
    query = select(Run)
    if wanted.state:
        query = query.where(Run.state.in_(wanted.state))
    for place, value in (
        (Run.task_name, wanted.task_name),
        (Run.queue, wanted.queue),
        (Run.worker, wanted.worker),
        (Run.schedule_id, wanted.schedule_id),
        (Run.requested_by, wanted.requested_by),
    ):
        if value:
            query = query.where(place == value)
    if wanted.since:
        query = query.where(Run.created_at >= wanted.since)
    if wanted.until:
        query = query.where(Run.created_at < wanted.until)
    return query.where(_text_matches(wanted.q)) if wanted.q else query


def _text_matches(text: str) -> ColumnElement[bool]:
    """Every word is somewhere in the task's name, the id, the arguments or the error."""
    places = (Run.task_name, Run.id, Run.error, cast(Run.args, String), cast(Run.kwargs, String))
    return and_(
        true(),
        *(or_(*(place.icontains(word, autoescape=True) for place in places)) for word in text.split()[:10]),
    )


def _encode(run: Run) -> str:
    raw = f"{run.created_at.isoformat()}|{run.id}"
    return base64.urlsafe_b64encode(raw.encode()).decode().rstrip("=")


def _decode(cursor: str) -> tuple[datetime, str]:
    try:
        raw = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)).decode()
        created_at, _found, run_id = raw.partition("|")
        if "\x00" in run_id:  # PostgreSQL cannot even compare with it
            raise ValueError(cursor)
        return datetime.fromisoformat(created_at).astimezone(UTC), run_id
    except (ValueError, binascii.Error, OverflowError):
        raise Invalid({"cursor": [_("This cursor is not one that a list returned.")]}) from None
