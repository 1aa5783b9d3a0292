"""Finds runs: one by its id, pages of them newest first, counts by state."""

import json
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import cache
from operator import itemgetter
from typing import Any

from flask_babel import gettext as _
from sqlalchemy import (
    CompoundSelect,
    FromClause,
    String,
    Subquery,
    cast,
    column,
    func,
    literal,
    select,
    tuple_,
    union_all,
)
from sqlalchemy.orm import undefer

from app import lists
from app.broker.run_ids import is_run_id
from app.errors import NotFound
from app.extensions import db
from app.lists import COUNT_CAP, LIMIT_MAX
from app.runs import filters, states
from app.runs.filters import AccessPath, Key, RunFilter
from app.runs.models import HistoryGap, Run
from celeriac_agent.settings import OWN_APP

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
class ScanExtent:
    """How far a search went when it did not go to the end: so many runs, back to a moment."""

    runs: int
    back_to: datetime


@dataclass(frozen=True)
class RunPage(lists.Page[Run]):
    """One page of runs, newest first.

    `looked` is set when not everything was looked at: the next page looks further back. Such a page may have
    few runs or none.
    """

    looked: ScanExtent | None = None

    @property
    def looked_until(self) -> datetime | None:
        return self.looked.back_to if self.looked else None


@dataclass(frozen=True)
class Matches:
    """Keys of matching runs, newest first; `looked` and `stopped_at` when the budget ended the search."""

    keys: list[Key]
    looked: ScanExtent | None = None
    stopped_at: Key | None = None


def get(run_id: str) -> Run:
    """The whole run; raises `NotFound`."""
    run = None
    if is_run_id(run_id):  # others are no row's, and not every database can even compare with them
        run = db.session.get(Run, run_id, options=[undefer("*")], populate_existing=True)
    if run is None:
        raise NotFound(_("There is no run %(id)s.", id=run_id[:80]))
    return run


def page(criteria: RunFilter, limit: int = 50, cursor: str | None = None) -> RunPage:
    """Runs that match, newest first, by keyset over (moment, id); raises `Invalid` for a bad cursor."""
    matches = matching_keys(criteria, limit + 1, key_of(cursor))
    shown = matches.keys[:limit]
    items = _rows([run_id for _at, run_id in shown])
    if len(matches.keys) > limit:
        return RunPage(items, CURSOR.write(*shown[-1]))
    if matches.stopped_at:
        return RunPage(items, CURSOR.write(*matches.stopped_at), matches.looked)
    return RunPage(items)


def matching_keys(
    criteria: RunFilter, limit: int, after: Key | None = None, budget: Budget | None = None
) -> Matches:
    """Where the newest matching runs are, at most `limit`, older than `after`.

    One index access_paths to them; what it does not answer is checked row by row, no further than the budget.
    """
    if known := _by_id(criteria, limit, after):
        return known
    budget = budget or (TEXT_BUDGET if criteria.q else FILTER_BUDGET)
    path = _best_path(criteria, after)
    columns = filters.residual_columns(criteria, path)
    size = limit if not columns else max(_FIRST_LOOK, limit)
    keys: list[Key] = []
    looked, started = 0, time.monotonic()
    while True:
        rows = filters.candidates(criteria, path, size, after, columns)
        checks = filters.residual(criteria, path, rows.c)
        matching = select(rows.c.at, rows.c.id).where(*checks)
        newest = matching.order_by(rows.c.at.desc(), rows.c.id.desc()).limit(limit - len(keys))
        keys += [(at, run_id) for at, run_id in db.session.execute(newest)]
        if not checks or len(keys) >= limit:
            return Matches(keys)
        after = _last_of(criteria, path, size, after)
        looked += size
        if after is None:
            return Matches(keys)
        size = _next_size(budget, looked, size, time.monotonic() - started)
        if not size:
            return Matches(keys, ScanExtent(looked, after[0]), after)


def newer_than(criteria: RunFilter, first: str) -> int:
    """How many matching runs are newer than the run at a cursor (at most 100 are counted)."""
    top = CURSOR.read(first)
    return sum(key > top for key in matching_keys(criteria, 100).keys)


def counts() -> dict[str, int]:
    """How many runs are in each state, each counted up to 10,001 (meaning "more than 10,000")."""
    return _counts(_count_each_state_of_all())


def counts_of(criteria: RunFilter) -> dict[str, int] | None:
    """As `counts`, of a filter whatever state it asks for; None when that would take long.

    With more than a time to check, only as many runs are counted as one look reads.
    """
    criteria = replace(criteria, state=())
    if criteria.narrowed:
        return _few_counts(criteria)
    return _counts(_count_each_state(criteria)) if criteria != RunFilter() else counts()


def _counts(each_state: CompoundSelect[Any]) -> dict[str, int]:
    return {state: number for state, number in db.session.execute(each_state) if number}


@cache
def _count_each_state_of_all() -> CompoundSelect[Any]:
    return _count_each_state(RunFilter())


def _count_each_state(criteria: RunFilter) -> CompoundSelect[Any]:
    parts = []
    for state in states.ALL:
        of_state = replace(criteria, state=(state,))
        rows = filters.candidates(of_state, filters.of_states([state]), COUNT_CAP + 1, None, ())
        parts.append(select(literal(state), func.count()).select_from(rows))
    return union_all(*parts)


def _few_counts(criteria: RunFilter) -> dict[str, int] | None:
    size, path = _smallest(criteria, filters.access_paths(criteria), None)
    if size > _PROBE:
        return None
    rows = filters.candidates(
        criteria, path, _PROBE, None, [*filters.residual_columns(criteria, path), Run.state]
    )
    query = select(rows.c.state, func.count()).where(*filters.residual(criteria, path, rows.c))
    counted = {state: number for state, number in db.session.execute(query.group_by(rows.c.state))}  # noqa: C416
    if criteria.of_failures or not (criteria.since or criteria.until):
        return counted
    failed = _few_counts(replace(criteria, state=states.FAILED))  # dated otherwise
    others = {state: number for state, number in counted.items() if state not in states.FAILED}
    return None if failed is None else others | failed


def last_arguments(app: str, task_name: str) -> Run | None:
    """The newest run of a task whose arguments are known, for filling a form again."""
    newest = _newest_of(task_name, FILTER_BUDGET.runs, Run.args.is_not(None).label("known"))
    first = select(newest.c.id).where(newest.c.app == app, newest.c.known).limit(1)
    return db.session.scalars(select(Run).where(Run.id == first.scalar_subquery())).first()


def latest(tasks: Sequence[tuple[str, str]]) -> dict[tuple[str, str], Run]:
    """The newest run of each task, by app and name, that has one: one look into the index for each."""
    if not tasks:
        return {}
    wanted = _each_of(tasks)
    newest = _newest_of(wanted.c.name, _PROBE, among=wanted)
    first = select(newest.c.id).where(newest.c.app == wanted.c.app).limit(1).correlate(wanted)
    ids = select(first.scalar_subquery()).select_from(wanted)
    runs = db.session.scalars(select(Run).where(Run.id.in_(ids)))
    return {(run.app_name, run.task_name): run for run in runs}


def _newest_of(task_name: Any, most: int, *columns: Any, among: FromClause | None = None) -> Subquery:
    """The newest runs of all tasks of a name: an app with few of them, among very many, has none here."""
    app = func.coalesce(Run.app, OWN_APP).label("app")
    named = select(Run.id, app, *columns).where(Run.task_name == task_name)
    named = named.order_by(Run.created_at.desc(), Run.id.desc()).limit(most)
    return (named if among is None else named.correlate(among)).subquery()


def _each_of(tasks: Sequence[tuple[str, str]]) -> FromClause:
    """A row for each. They are one value: SQLAlchemy writes the SQL of a query once for any of them."""
    if db.engine.dialect.name == "postgresql":
        from sqlalchemy.dialects.postgresql import ARRAY  # a dialect takes megabytes

        arrays = func.unnest(*(cast(list(values), ARRAY(String)) for values in zip(*tasks, strict=True)))
        names = column("app", String), column("name", String)
        return arrays.table_valued(*names, name="tasks").render_derived()
    pairs = func.json_each(json.dumps(tasks)).table_valued(column("value", String), name="pairs")
    app, name = (func.json_extract(pairs.c.value, path) for path in ("$[0]", "$[1]"))
    return select(app.label("app"), name.label("name")).subquery("tasks")


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


def cursor_of(run: Run, criteria: RunFilter) -> str:
    """The cursor that stands at a run in the list of a filter."""
    return CURSOR.write(criteria.at(run), run.id)


def key_of(cursor: str | None) -> Key | None:
    """The key that a cursor stands at, None without one; raises `Invalid` for one that no list returned."""
    if not cursor:
        return None
    at, run_id = CURSOR.read(cursor)
    return at, run_id


def _by_id(criteria: RunFilter, limit: int, after: Key | None) -> Matches | None:
    """The runs whose id the text is, however old; None when it is no id."""
    condition = filters.id_of(criteria.q)
    if condition is None:
        return None
    ids = list(db.session.scalars(select(Run.id).where(condition).limit(LIMIT_MAX)))
    if not ids:
        return None
    query = select(criteria.moment, Run.id).where(Run.id.in_(ids), *filters.conditions(criteria))
    if after:
        query = query.where(tuple_(criteria.moment, Run.id) < tuple_(*after))
    newest = query.order_by(criteria.moment.desc(), Run.id.desc()).limit(limit)
    return Matches([(at, run_id) for at, run_id in db.session.execute(newest)])


def _best_path(criteria: RunFilter, after: Key | None) -> AccessPath:
    """The index that access_paths to the fewest runs; each is asked for no more than a look can read."""
    paths = filters.access_paths(criteria)
    return paths[0] if len(paths) == 1 else _smallest(criteria, paths, after)[1]


def _next_size(budget: Budget, looked: int, size: int, spent: float) -> int:
    """How many runs the next look may read, at the speed so far; 0 when the budget is spent."""
    affordable = int((budget.seconds - spent) * looked / max(spent, 1e-6))
    wider = min(size * 2, _WIDEST_LOOK, budget.runs - looked, affordable)
    return wider if wider >= _NARROWEST_LOOK else 0


def _smallest(criteria: RunFilter, paths: Sequence[AccessPath], after: Key | None) -> tuple[int, AccessPath]:
    """How many runs the best path leads to, and the path; none is counted much further than a look reads."""
    looks = [filters.candidates(criteria, path, _PROBE + 1, after, ()) for path in paths]
    counted = select(*(select(func.count()).select_from(rows).scalar_subquery() for rows in looks))
    sizes = db.session.execute(counted).one()
    return min(zip(sizes, paths, strict=True), key=itemgetter(0))


def _last_of(criteria: RunFilter, path: AccessPath, size: int, after: Key | None) -> Key | None:
    """The oldest of the rows of a look; None when there are no older ones behind it."""
    rows = filters.candidates(criteria, path, size, after, ())
    query = select(rows.c.at, rows.c.id).order_by(rows.c.at.desc(), rows.c.id.desc())
    last = db.session.execute(query.offset(size - 1)).first()
    return (last[0], last[1]) if last else None


def _rows(ids: Sequence[str]) -> list[Run]:
    if not ids:
        return []
    runs = {run.id: run for run in db.session.scalars(select(Run).where(Run.id.in_(ids)))}
    return [runs[run_id] for run_id in ids if run_id in runs]
