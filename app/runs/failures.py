"""Recent failures, put together by task and kind of error."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from flask_babel import lazy_gettext as _l
from sqlalchemy import func, select

from app import lists
from app.extensions import db
from app.lists.fields import QueryMoment
from app.runs import filters, making_good, states
from app.runs.filters import RunFilter, kind_of
from app.runs.making_good import Families
from app.runs.models import Run

READ_AT_MOST = 2000
GROUPS_AT_MOST = 200
_ENOUGH_OF_AN_ERROR = 200


@dataclass(frozen=True)
class FailureFilter(lists.Filter):
    """Which failures are put together."""

    since: datetime | None = lists.of(QueryMoment(), _l("Since"))


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
    """Failed runs of one task with one kind of error; `latest` is the newest of them.

    `left` are those to run again: not those whose work was done since, or is open, or failed again.
    """

    task_name: str
    kind: str
    count: int
    latest: Run
    first_at: datetime
    left: Sequence[str]
    again: Again = Again()


@dataclass(frozen=True)
class Failures:
    """Failures of a time in groups, the one with the newest first, without groups that were all made good.

    `count` is of all failures, `made_good` of those in groups that are left out. `back_to` is set when only
    the newest failures were read; `left_out` is how many groups are not shown.
    """

    groups: list[FailureGroup] = field(default_factory=list)
    back_to: datetime | None = None
    left_out: int = 0
    count: int = 0
    made_good: int = 0


@dataclass(frozen=True)
class Failure:
    """One run that failed; `error` is how its error begins."""

    run_id: str
    at: datetime
    task_name: str
    queue: str | None
    schedule_id: int | None
    error: str

    @property
    def kind(self) -> str:
        return kind_of(self.error)


@dataclass
class _Gathered:
    ids: list[str] = field(default_factory=list)
    first_at: datetime | None = None


def failed_count(since: datetime, limit: int) -> int:
    """How many runs failed since a time, counted up to `limit`: for every page."""
    failed = RunFilter(state=states.FAILED, since=since)
    rows = filters.candidates(failed, filters.of_states(states.FAILED), limit, None, ())
    return int(db.session.scalar(select(func.count()).select_from(rows)) or 0)


def latest_failures(since: datetime | None, limit: int = READ_AT_MOST) -> list[Failure]:
    """The newest failures, back to a time: what a look at them costs does not grow with the history."""
    failed = RunFilter(state=states.FAILED, since=since)
    columns = [Run.task_name, Run.queue, Run.schedule_id, Run.error]
    rows = filters.candidates(failed, filters.of_states(states.FAILED), limit, None, columns)
    start = func.coalesce(func.substr(rows.c.error, 1, _ENOUGH_OF_AN_ERROR), "")
    query = select(rows.c.id, rows.c.at, rows.c.task_name, rows.c.queue, rows.c.schedule_id, start)
    read = db.session.execute(query.order_by(rows.c.at.desc(), rows.c.id.desc()))
    return [Failure(*row) for row in read]


def last_ends(
    task_name: str, queue: str | None, schedule_id: int | None, number: int
) -> list[tuple[str, datetime]]:
    """State and end of the runs of a task that say whether it works, newest first; `number` are looked at."""
    newest = select(Run.state, Run.queue, Run.schedule_id, Run.ended_at, Run.created_at, Run.id)
    newest = newest.where(Run.task_name == task_name)
    rows = newest.order_by(Run.created_at.desc(), Run.id.desc()).limit(number).subquery()
    query = select(rows.c.state, func.coalesce(rows.c.ended_at, rows.c.created_at, type_=Run.created_at.type))
    query = query.where(rows.c.state.in_((states.SUCCESS, *states.FAILED)))
    if queue is not None:
        query = query.where(rows.c.queue == queue)
    if schedule_id is not None:
        query = query.where(rows.c.schedule_id == schedule_id)
    read = db.session.execute(query.order_by(rows.c.created_at.desc(), rows.c.id.desc()))
    return [(state, ended_at) for state, ended_at in read]


def grouped_failures(since: datetime, limit: int = READ_AT_MOST) -> Failures:
    """The runs that failed since a time; of very many, the newest `limit`."""
    failed = RunFilter(state=states.FAILED, since=since)
    path = filters.of_states(states.FAILED)
    rows = filters.candidates(failed, path, limit + 1, None, [Run.task_name, Run.error])
    start = func.substr(rows.c.error, 1, _ENOUGH_OF_AN_ERROR)
    query = select(rows.c.id, rows.c.at, rows.c.task_name, start)
    read = db.session.execute(query.order_by(rows.c.at.desc(), rows.c.id.desc())).all()
    gathered: dict[tuple[str, str], _Gathered] = {}
    for run_id, failed_at, task_name, error in read[:limit]:
        group = gathered.setdefault((task_name, kind_of(error or "")), _Gathered())
        group.ids.append(run_id)
        group.first_at = failed_at
    families = Families({run_id for run_id, *_rest in read[:limit]})
    open_groups = {key: one for key, one in gathered.items() if not _all_made_good(one, families)}
    shown = list(open_groups.items())[:GROUPS_AT_MOST]
    newest = {run.id: run for run in _runs([group.ids[0] for _key, group in shown])}
    groups = [
        FailureGroup(
            *key,
            len(one.ids),
            newest[one.ids[0]],
            one.first_at or since,
            _left(one, families),
            _again(one, families),
        )
        for key, one in shown
        if one.ids[0] in newest  # not deleted in between
    ]
    return Failures(
        groups,
        back_to=read[limit - 1].at if len(read) > limit else None,
        left_out=len(open_groups) - len(shown),
        count=len(read[:limit]),
        made_good=sum(len(one.ids) for key, one in gathered.items() if key not in open_groups),
    )


def _all_made_good(group: _Gathered, families: Families) -> bool:
    return all(families.outcome(run_id) == making_good.MADE_GOOD for run_id in group.ids)


def _left(group: _Gathered, families: Families) -> list[str]:
    left_out = families.left_out(group.ids)
    return [run_id for run_id in group.ids if run_id not in left_out]


def _again(group: _Gathered, families: Families) -> Again:
    found = Counter(families.outcome(run_id) for run_id in group.ids)
    return Again(found[making_good.MADE_GOOD], found[making_good.OPEN], found[making_good.FAILED_AGAIN])


def _runs(ids: Sequence[str]) -> Iterable[Run]:
    return db.session.scalars(select(Run).where(Run.id.in_(ids)))
