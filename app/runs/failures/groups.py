"""Recent failures, put together by app, task and kind of error."""

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, FromClause, Select, Subquery, func, literal, not_, select

from app import app_names
from app.extensions import db
from app.runs import filters, states
from app.runs.failures.models import ERROR_MAX, RESOLVED, FailureKind, Key, ignores, is_closed, is_one_of
from app.runs.filters import RunFilter, kind_of
from app.runs.models import Run
from app.runs.rerun_families import FAILED_AGAIN, MADE_GOOD, OPEN, Families
from app.runs.statistics.queries import Task
from celeriac_agent.settings import OWN_APP

READ_AT_MOST = 2000
GROUPS_AT_MOST = 200
UNREAD_AT_MOST = 10  # kinds that many failures of others hide, and that are shown all the same
UNREAD_EACH = 200
BACKLOG_AT_MOST = 20_000  # newer runs of a task that wait; beyond it is not known how it works
COUNTED_AT_MOST = 20_000  # where somebody is told how many

_KEY = (FailureKind.app, FailureKind.task_name, FailureKind.kind)
_START = func.coalesce(func.substr(Run.error, 1, ERROR_MAX), "").label("start")


@dataclass(frozen=True)
class Again:
    """How the later runs of failed ones stand: so many were run again, and of these …"""

    made_good: int = 0
    open: int = 0
    failed: int = 0

    @property
    def all(self) -> int:
        return self.made_good + self.open + self.failed


@dataclass(frozen=True)
class FailureGroup:
    """Failed runs of one app's task with one kind of error; `latest` is the newest of them.

    `left` are those to run again: not those whose work was done since, or is open, or failed again. `id` is
    that of the kind, none when it is not known yet. With `more` there are older ones that were not counted.
    """

    app: str
    task_name: str
    kind: str
    count: int
    latest: Run
    first_at: datetime
    left: Sequence[str]
    again: Again = Again()
    id: int | None = None
    more: bool = False

    @property
    def key(self) -> Key:
        return self.app, self.task_name, self.kind


@dataclass(frozen=True)
class Failures:
    """Failures of a time in groups, the one with the newest first, without kinds that are resolved or ignored
    and without groups that were all made good.

    `count` is of all failures but those that are `closed`: of kinds that are resolved or ignored. `made_good`
    is how many were in groups that are left out for that. `back_to` is set when only the newest failures
    were read; `left_out` is how many groups are not shown.
    """

    groups: list[FailureGroup] = field(default_factory=list)
    back_to: datetime | None = None
    left_out: int = 0
    count: int = 0
    made_good: int = 0
    closed: int = 0


@dataclass(frozen=True)
class Failure:
    """One run that failed; `error` is how its error begins."""

    run_id: str
    at: datetime
    app: str
    task_name: str
    queue: str | None
    schedule_id: int | None
    error: str

    @property
    def kind(self) -> str:
        return kind_of(self.error)

    @property
    def task(self) -> Task:
        return self.app, self.task_name

    @property
    def key(self) -> Key:
        return self.app, self.task_name, self.kind


@dataclass
class _Gathered:
    last_at: datetime
    first_at: datetime
    ids: list[str] = field(default_factory=list)


def latest_failures(since: datetime, limit: int = READ_AT_MOST) -> list[Failure]:
    """The newest failures, back to a time: what a look at them costs does not grow with the history.

    Where there are more, the newest of each kind is there nonetheless: many failures hide no other.
    """
    failed = RunFilter(state=states.FAILED, since=since)
    columns = [Run.app, Run.task_name, Run.queue, Run.schedule_id, Run.error]
    rows = filters.candidates(failed, filters.of_states(states.FAILED), limit, None, columns)
    start = func.coalesce(func.substr(rows.c.error, 1, ERROR_MAX), "")
    app, of = func.coalesce(rows.c.app, OWN_APP), (rows.c.task_name, rows.c.queue, rows.c.schedule_id)
    query = select(rows.c.id, rows.c.at, app, *of, start)
    read = [Failure(*row) for row in db.session.execute(query.order_by(rows.c.at.desc(), rows.c.id.desc()))]
    return read + _of_other_kinds({one.key for one in read}, since) if len(read) >= limit else read


def _of_other_kinds(read: Collection[Key], since: datetime) -> list[Failure]:
    """The newest failure of each kind that was not read, back to a time."""
    at = FailureKind.last_at
    app = func.coalesce(Run.app, OWN_APP)
    query = select(Run.id, at, app, Run.task_name, Run.queue, Run.schedule_id, _START)
    query = query.join(FailureKind, FailureKind.last_run_id == Run.id)
    query = query.where(at >= since, not_(is_one_of(read)))
    return [Failure(*row) for row in db.session.execute(query.order_by(at.desc()).limit(READ_AT_MOST))]


def closed_kinds(now: datetime, since: datetime | None = None) -> set[Key]:
    """The kinds that are resolved or ignored at a moment and failed since a time."""
    query = select(*_KEY).where(is_closed(now))
    if since is not None:
        query = query.where(FailureKind.last_at >= since)
    return {(app, task_name, kind) for app, task_name, kind in db.session.execute(query)}


def last_ends(
    app: str,
    task_name: str,
    queue: str | None,
    schedule_id: int | None,
    number: int,
    others: int,
    closed: Collection[Key] = (),
) -> list[tuple[str, datetime]]:
    """State and end of the runs of a task that say whether it works, newest first: so many, or more.

    `others` runs may lie between that say nothing: they wait, or are of another queue, or of another app, or
    failures of the `closed` kinds. Where there are more of them it is looked further, through a whole backlog
    if need be.
    """
    looked_at = number + others
    while True:
        of = (Run.app, Run.queue, Run.schedule_id)
        newest = select(Run.state, *of, Run.ended_at, Run.created_at, Run.id, _START)
        newest = newest.where(Run.task_name == task_name)
        rows = newest.order_by(Run.created_at.desc(), Run.id.desc()).limit(looked_at).subquery()
        ends = [
            (state, at)
            for state, at, error in db.session.execute(_ended(rows, app, queue, schedule_id))
            if state == states.SUCCESS or (app, task_name, kind_of(error)) not in closed
        ]
        if len(ends) >= number or looked_at >= BACKLOG_AT_MOST:
            return ends
        if (db.session.scalar(select(func.count()).select_from(rows)) or 0) < looked_at:  # that was all
            return ends
        looked_at = min(looked_at * 8, BACKLOG_AT_MOST)


def failed_in_row(
    app: str,
    task_name: str,
    queue: str | None,
    schedule_id: int | None,
    between: tuple[int, int],
    others: int,
    closed: Collection[Key] = (),
) -> int:
    """How many runs of a task have failed since the last that succeeded, between the least that are known to
    have and the most that are looked at. The rest as for `last_ends`.
    """
    wanted, most = between
    while True:
        ends = [state for state, _at in last_ends(app, task_name, queue, schedule_id, wanted, others, closed)]
        if states.SUCCESS in ends:
            return min(ends.index(states.SUCCESS), most)
        if len(ends) < wanted or wanted >= most:  # that is all, or as far as it is looked
            return min(len(ends), most)
        wanted = min(wanted * 8, most)


def failed_since(
    app: str,
    task_name: str,
    queue: str | None,
    schedule_id: int | None,
    since: datetime,
    closed: Collection[Key] = (),
) -> list[datetime]:
    """When the runs of a task failed from a moment on, the newest first, `COUNTED_AT_MOST` at most; without
    failures of the `closed` kinds.
    """
    criteria = RunFilter(state=states.FAILED, task_name=task_name, since=since)
    by_task = filters.access_paths(criteria)[-1]
    columns: list[Any] = [Run.app, Run.queue, Run.schedule_id, Run.error]
    rows = filters.candidates(criteria, by_task, COUNTED_AT_MOST, None, columns)
    reads_errors = any(key[:2] == (app, task_name) for key in closed)
    query = select(rows.c.at, func.substr(rows.c.error, 1, ERROR_MAX) if reads_errors else literal(""))
    query = query.where(*_is_of(rows, app, queue, schedule_id))
    return [
        at
        for at, error in db.session.execute(query.order_by(rows.c.at.desc()))
        if not reads_errors or (app, task_name, kind_of(error or "")) not in closed
    ]


def _ended(rows: Subquery, app: str, queue: str | None, schedule_id: int | None) -> Select[Any]:
    ended_at = func.coalesce(rows.c.ended_at, rows.c.created_at, type_=Run.created_at.type)
    query = select(rows.c.state, ended_at, rows.c.start)
    query = query.where(rows.c.state.in_((states.SUCCESS, *states.FAILED)))
    query = query.where(*_is_of(rows, app, queue, schedule_id))
    return query.order_by(rows.c.created_at.desc(), rows.c.id.desc())


def _is_of(
    rows: FromClause, app: str, queue: str | None, schedule_id: int | None
) -> Iterator[ColumnElement[bool]]:
    yield app_names.is_of(rows.c.app, app)
    if queue is not None:
        yield rows.c.queue == queue
    if schedule_id is not None:
        yield rows.c.schedule_id == schedule_id


def grouped_failures(since: datetime, now: datetime, limit: int = READ_AT_MOST) -> Failures:
    """The runs that failed since a time; of very many, the newest `limit`, which hide no other kind."""
    read = _newest(RunFilter(state=states.FAILED, since=since), limit + 1)
    gathered = _gather(read[:limit])
    back_to = read[limit - 1].at if len(read) > limit else None
    kinds = _kinds_since(since, now)
    closed = {key for key, (_id, is_closed_now) in kinds.items() if is_closed_now}
    closed_count = sum(len(gathered.pop(key).ids) for key in closed & gathered.keys())
    if back_to is not None:
        gathered |= _unread({*gathered, *closed}, since)
    families = _families(gathered)
    open_groups = {key: group for key, group in gathered.items() if not _all_made_good(group, families)}
    shown = dict(list(open_groups.items())[:GROUPS_AT_MOST])
    drawn = _groups(shown, families, {key: kind_id for key, (kind_id, _closed) in kinds.items()})
    return Failures(
        drawn if back_to is None else _counted(drawn, since, back_to),
        back_to=back_to,
        left_out=len(open_groups) - len(shown),
        count=len(read[:limit]) - closed_count,
        made_good=sum(len(group.ids) for key, group in gathered.items() if key not in open_groups),
        closed=closed_count,
    )


def _unread(read: Collection[Key], since: datetime) -> dict[Key, _Gathered]:
    """The newest failures of the kinds that were not read, those that failed last first."""
    gathered: dict[Key, _Gathered] = {}
    for other in _of_other_kinds(read, since)[:UNREAD_AT_MOST]:
        wanted = _of_kind(RunFilter(state=states.FAILED, since=since), *other.key)
        found = _gather(_newest(wanted, UNREAD_EACH)) if other.kind else {}
        gathered[other.key] = found.get(other.key) or _Gathered(other.at, other.at, [other.run_id])
    return gathered


def _counted(drawn: Sequence[FailureGroup], since: datetime, back_to: datetime) -> list[FailureGroup]:
    """Groups of which perhaps not all was read, with their numbers where these are known: of new kinds."""
    of_keys = is_one_of(group.key for group in drawn)
    known = {kind.key: kind for kind in db.session.scalars(select(FailureKind).where(of_keys))}
    counted = []
    for group in drawn:
        kind = known.get(group.key)
        if kind is None or kind.first_at >= back_to:
            counted.append(group)
        elif kind.first_at >= since:
            counted.append(replace(group, count=max(kind.failures, group.count), first_at=kind.first_at))
        else:
            counted.append(replace(group, more=kind.failures > group.count))
    return counted


def groups_of(keys: Collection[Key], wanted: RunFilter, limit: int = READ_AT_MOST) -> dict[Key, FailureGroup]:
    """The newest failures that a filter lets through, of some kinds; those of all kinds are read, and where
    these are very many, a few of each kind that they hide.
    """
    read = _newest(wanted, limit)
    by_key = _gather(read)
    gathered = {key: group for key, group in by_key.items() if key in keys}
    hidden = [key for key in keys if key not in by_key and key[2]] if len(read) >= limit else []
    for one in hidden[:UNREAD_AT_MOST]:
        found = _gather(_newest(_of_kind(wanted, *one), UNREAD_EACH))
        gathered |= {key: group for key, group in found.items() if key == one}
    groups = _groups(gathered, _families(gathered), _kind_ids(gathered))
    return {group.key: group for group in groups}


def _of_kind(wanted: RunFilter, app: str, task_name: str, kind: str) -> RunFilter:
    return replace(wanted, app=app, task_name=task_name, error=kind)


def made_good(since: datetime, now: datetime) -> dict[Key, datetime]:
    """The kinds of which every failure that is read was made good, and when each failed last."""
    gathered = _gather(_newest(RunFilter(state=states.FAILED, since=since), READ_AT_MOST))
    families = _families(gathered)
    return {key: group.last_at for key, group in gathered.items() if _all_made_good(group, families)}


def _newest(wanted: RunFilter, limit: int) -> Sequence[Any]:
    """Id, moment, app, task and beginning of the error of the newest failures."""
    path = filters.access_paths(wanted)[-1]  # by task where one is given
    columns = [Run.app, Run.task_name, Run.error, *filters.residual_columns(wanted, path)]
    rows = filters.candidates(wanted, path, limit, None, columns)
    start = func.coalesce(func.substr(rows.c.error, 1, ERROR_MAX), "")
    query = select(rows.c.id, rows.c.at, func.coalesce(rows.c.app, OWN_APP), rows.c.task_name, start)
    query = query.where(*filters.residual(wanted, path, rows.c))
    return db.session.execute(query.order_by(rows.c.at.desc(), rows.c.id.desc())).all()


def _gather(read: Iterable[Any]) -> dict[Key, _Gathered]:
    gathered: dict[Key, _Gathered] = {}
    for run_id, failed_at, app, task_name, error in read:
        group = gathered.setdefault((app, task_name, kind_of(error)), _Gathered(failed_at, failed_at))
        group.ids.append(run_id)
        group.first_at = failed_at
    return gathered


def _families(gathered: Mapping[Key, _Gathered]) -> Families:
    return Families({run_id for group in gathered.values() for run_id in group.ids})


def _groups(
    gathered: Mapping[Key, _Gathered], families: Families, ids: Mapping[Key, int]
) -> list[FailureGroup]:
    newest = {run.id: run for run in _runs([group.ids[0] for group in gathered.values()])}
    return [
        FailureGroup(
            *key,
            len(group.ids),
            newest[group.ids[0]],
            group.first_at,
            _left(group, families),
            _again(group, families),
            ids.get(key),
        )
        for key, group in gathered.items()
        if group.ids[0] in newest  # not deleted in between
    ]


def _kinds_since(since: datetime, now: datetime) -> dict[Key, tuple[int, bool]]:
    """The kinds that failed since a time: the id of each, and whether it is resolved or ignored."""
    own = (FailureKind.id, FailureKind.state, FailureKind.ignored_until)
    query = select(*own, *_KEY).where(FailureKind.last_at >= since)
    return {
        (app, task_name, kind): (kind_id, state == RESOLVED or ignores(state, until, now))
        for kind_id, state, until, app, task_name, kind in db.session.execute(query)
    }


def _kind_ids(keys: Collection[Key]) -> dict[Key, int]:
    rows = select(FailureKind.id, *_KEY).where(is_one_of(keys))
    return {(app, task_name, kind): kind_id for kind_id, app, task_name, kind in db.session.execute(rows)}


def _all_made_good(group: _Gathered, families: Families) -> bool:
    return all(families.outcome(run_id) == MADE_GOOD for run_id in group.ids)


def _left(group: _Gathered, families: Families) -> list[str]:
    left_out = families.left_out(group.ids)
    return [run_id for run_id in group.ids if run_id not in left_out]


def _again(group: _Gathered, families: Families) -> Again:
    outcomes = Counter(families.outcome(run_id) for run_id in families.first_of_each(group.ids))
    return Again(outcomes[MADE_GOOD], outcomes[OPEN], outcomes[FAILED_AGAIN])


def _runs(ids: Sequence[str]) -> Iterable[Run]:
    return db.session.scalars(select(Run).where(Run.id.in_(ids)))
