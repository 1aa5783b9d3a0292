"""Finds runs: one by its id, pages of them newest first, counts by state."""

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import cache
from operator import itemgetter
from typing import Any

from flask_babel import gettext as _
from sqlalchemy import CompoundSelect, String, column, func, literal, select, tuple_, union_all, values
from sqlalchemy.orm import undefer

from app import lists
from app.broker.run_ids import is_run_id
from app.errors import NotFound
from app.extensions import db
from app.lists import COUNT_CAP, LIMIT_MAX
from app.runs import filters, states
from app.runs.filters import Lead, Place, RunFilter
from app.runs.models import HistoryGap, Run

CURSOR = lists.Cursor(datetime, str)


@dataclass(frozen=True)
class Budget:
    """How far a question that no index answers may look: so many runs, and about so many seconds."""

    runs: int
    seconds: float


FILTER_BUDGET = Budget(20_000, 0.02)
TEXT_BUDGET = Budget(100_000, 0.2)
_NARROWEST_LOOK, _FIRST_LOOK, _WIDEST_LOOK = 50, 250, 2000
_PROBE = 2000


@dataclass(frozen=True)
class Looked:
    """How far a search went when it did not go to the end: so many runs, back to a moment."""

    runs: int
    back_to: datetime


@dataclass(frozen=True)
class Page(lists.Page[Run]):
    """One page of runs, newest first.

    `looked` is set when not everything was looked at: the next page looks further back. Such a page may have
    few runs or none.
    """

    looked: Looked | None = None

    @property
    def looked_until(self) -> datetime | None:
        return self.looked.back_to if self.looked else None


@dataclass(frozen=True)
class Found:
    """Places of matching runs, newest first; `looked` and `stopped_at` when the budget ended the search."""

    places: list[Place]
    looked: Looked | None = None
    stopped_at: Place | None = None


def get(run_id: str) -> Run:
    """The whole run; raises `NotFound`."""
    run = None
    if is_run_id(run_id):  # others are no row's, and not every database can even compare with them
        run = db.session.get(Run, run_id, options=[undefer("*")], populate_existing=True)
    if run is None:
        raise NotFound(_("There is no run %(id)s.", id=run_id[:80]))
    return run


def page(wanted: RunFilter, limit: int = 50, cursor: str | None = None) -> Page:
    """Runs that match, newest first, by keyset over (moment, id); raises `Invalid` for a bad cursor."""
    found = places(wanted, limit + 1, place_of(cursor))
    shown = found.places[:limit]
    items = _rows([run_id for _at, run_id in shown])
    if len(found.places) > limit:
        return Page(items, CURSOR.write(*shown[-1]))
    if found.stopped_at:
        return Page(items, CURSOR.write(*found.stopped_at), found.looked)
    return Page(items)


def places(wanted: RunFilter, limit: int, after: Place | None = None, budget: Budget | None = None) -> Found:
    """Where the newest matching runs are, at most `limit`, older than `after`.

    One index leads to them; what it does not answer is checked row by row, no further than the budget.
    """
    if known := _by_id(wanted, limit, after):
        return known
    budget = budget or (TEXT_BUDGET if wanted.q else FILTER_BUDGET)
    lead = _best_lead(wanted, after)
    columns = filters.rest_columns(wanted, lead)
    size = limit if not columns else max(_FIRST_LOOK, limit)
    found: list[Place] = []
    looked, started = 0, time.monotonic()
    while True:
        rows = filters.looked_at(wanted, lead, size, after, columns)
        checks = filters.rest(wanted, lead, rows.c)
        matching = select(rows.c.at, rows.c.id).where(*checks)
        newest = matching.order_by(rows.c.at.desc(), rows.c.id.desc()).limit(limit - len(found))
        found += [(at, run_id) for at, run_id in db.session.execute(newest)]
        if not checks or len(found) >= limit:
            return Found(found)
        after = _last_of(wanted, lead, size, after)
        looked += size
        if after is None:
            return Found(found)
        size = _next_size(budget, looked, size, time.monotonic() - started)
        if not size:
            return Found(found, Looked(looked, after[0]), after)


def newer_than(wanted: RunFilter, first: str) -> int:
    """How many matching runs are newer than the run at a cursor (at most 100 are counted)."""
    top = CURSOR.read(first)
    return sum(place > top for place in places(wanted, 100).places)


def counts() -> dict[str, int]:
    """How many runs are in each state, each counted up to 10,001 (meaning "more than 10,000")."""
    return _counts(_count_each_state_of_all())


def counts_of(wanted: RunFilter) -> dict[str, int] | None:
    """As `counts`, of a filter whatever state it asks for; None when that would take long.

    With more than a time to check, only as many runs are counted as one look reads.
    """
    wanted = replace(wanted, state=())
    if wanted.narrowed:
        return _few_counts(wanted)
    return _counts(_count_each_state(wanted)) if wanted != RunFilter() else counts()


def _counts(each_state: CompoundSelect[Any]) -> dict[str, int]:
    return {state: number for state, number in db.session.execute(each_state) if number}


@cache
def _count_each_state_of_all() -> CompoundSelect[Any]:
    return _count_each_state(RunFilter())


def _count_each_state(wanted: RunFilter) -> CompoundSelect[Any]:
    parts = []
    for state in states.ALL:
        of_state = replace(wanted, state=(state,))
        rows = filters.looked_at(of_state, filters.of_states([state]), COUNT_CAP + 1, None, ())
        parts.append(select(literal(state), func.count()).select_from(rows))
    return union_all(*parts)


def _few_counts(wanted: RunFilter) -> dict[str, int] | None:
    size, lead = _smallest(wanted, filters.leads(wanted), None)
    if size > _PROBE:
        return None
    rows = filters.looked_at(wanted, lead, _PROBE, None, [*filters.rest_columns(wanted, lead), Run.state])
    query = select(rows.c.state, func.count()).where(*filters.rest(wanted, lead, rows.c))
    found = {state: number for state, number in db.session.execute(query.group_by(rows.c.state))}  # noqa: C416
    if wanted.of_failures or not (wanted.since or wanted.until):
        return found
    failed = _few_counts(replace(wanted, state=states.FAILED))  # dated otherwise
    others = {state: number for state, number in found.items() if state not in states.FAILED}
    return None if failed is None else others | failed


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


def gaps(now: datetime, days: int = 7) -> list[HistoryGap]:
    """Spans of the last days of which events were lost."""
    since = now - timedelta(days=days)
    return list(
        db.session.scalars(select(HistoryGap).where(HistoryGap.until_at > since).order_by(HistoryGap.from_at))
    )


def cursor_of(run: Run, wanted: RunFilter) -> str:
    """The cursor that stands at a run in the list of a filter."""
    return CURSOR.write(wanted.at(run), run.id)


def place_of(cursor: str | None) -> Place | None:
    """The place that a cursor stands at, None without one; raises `Invalid` for one that no list returned."""
    if not cursor:
        return None
    at, run_id = CURSOR.read(cursor)
    return at, run_id


def _by_id(wanted: RunFilter, limit: int, after: Place | None) -> Found | None:
    """The runs whose id the text is, however old; None when it is no id."""
    condition = filters.id_of(wanted.q)
    if condition is None:
        return None
    ids = list(db.session.scalars(select(Run.id).where(condition).limit(LIMIT_MAX)))
    if not ids:
        return None
    query = select(wanted.moment, Run.id).where(Run.id.in_(ids), *filters.every_condition(wanted))
    if after:
        query = query.where(tuple_(wanted.moment, Run.id) < tuple_(*after))
    newest = query.order_by(wanted.moment.desc(), Run.id.desc()).limit(limit)
    return Found([(at, run_id) for at, run_id in db.session.execute(newest)])


def _best_lead(wanted: RunFilter, after: Place | None) -> Lead:
    """The index that leads to the fewest runs; each is asked for no more than a look can read."""
    found = filters.leads(wanted)
    return found[0] if len(found) == 1 else _smallest(wanted, found, after)[1]


def _next_size(budget: Budget, looked: int, size: int, spent: float) -> int:
    """How many runs the next look may read, at the speed so far; 0 when the budget is spent."""
    affordable = int((budget.seconds - spent) * looked / max(spent, 1e-6))
    wider = min(size * 2, _WIDEST_LOOK, budget.runs - looked, affordable)
    return wider if wider >= _NARROWEST_LOOK else 0


def _smallest(wanted: RunFilter, leads: Sequence[Lead], after: Place | None) -> tuple[int, Lead]:
    """How many runs the best lead leads to, and the lead; none is counted much further than a look reads."""
    looks = [filters.looked_at(wanted, lead, _PROBE + 1, after, ()) for lead in leads]
    counted = select(*(select(func.count()).select_from(rows).scalar_subquery() for rows in looks))
    sizes = db.session.execute(counted).one()
    return min(zip(sizes, leads, strict=True), key=itemgetter(0))


def _last_of(wanted: RunFilter, lead: Lead, size: int, after: Place | None) -> Place | None:
    """The oldest of the rows of a look; None when there are no older ones behind it."""
    rows = filters.looked_at(wanted, lead, size, after, ())
    query = select(rows.c.at, rows.c.id).order_by(rows.c.at.desc(), rows.c.id.desc())
    last = db.session.execute(query.offset(size - 1)).first()
    return (last[0], last[1]) if last else None


def _rows(ids: Sequence[str]) -> list[Run]:
    if not ids:
        return []
    found = {run.id: run for run in db.session.scalars(select(Run).where(Run.id.in_(ids)))}
    return [found[run_id] for run_id in ids if run_id in found]
