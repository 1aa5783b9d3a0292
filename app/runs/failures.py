"""Recent failures, put together by task and kind of error."""

from dataclasses import dataclass, field
from datetime import datetime

from flask_babel import lazy_gettext as _l
from sqlalchemy import func, select

from app import lists
from app.extensions import db
from app.lists.fields import QueryMoment
from app.runs import filters, states
from app.runs.filters import RunFilter, kind_of
from app.runs.models import Run

READ_AT_MOST = 2000
GROUPS_AT_MOST = 200
_ENOUGH_OF_AN_ERROR = 200


@dataclass(frozen=True)
class FailureFilter(lists.Filter):
    """Which failures are put together."""

    since: datetime | None = lists.of(QueryMoment(), _l("From"))


@dataclass(frozen=True)
class FailureGroup:
    """Failed runs of one task with one kind of error; `latest` is the newest of them."""

    task_name: str
    kind: str
    count: int
    latest: Run
    first_at: datetime


@dataclass(frozen=True)
class Failures:
    """Failures of a time in groups, the one with the newest first.

    `back_to` is set when only the newest failures were read; `left_out` is how many groups are not shown.
    """

    groups: list[FailureGroup] = field(default_factory=list)
    back_to: datetime | None = None
    left_out: int = 0

    @property
    def count(self) -> int:
        return sum(group.count for group in self.groups)


@dataclass
class _Gathered:
    latest_id: str
    count: int = 0
    first_at: datetime | None = None


def failed_count(since: datetime, limit: int) -> int:
    """How many failed of the runs that were created since a time, counted up to `limit`: for every page."""
    of_states = [
        select(func.count())
        .select_from(
            select(Run.id).where(Run.state == state, Run.created_at >= since).limit(limit).subquery()
        )
        .scalar_subquery()
        for state in states.FAILED
    ]
    return min(limit, sum(db.session.execute(select(*of_states)).one()))


def grouped_failures(since: datetime, limit: int = READ_AT_MOST) -> Failures:
    """The failures of runs that were created since a time; of very many, the newest `limit`."""
    lead = filters.Lead("state", [Run.state == state for state in states.FAILED])
    rows = filters.looked_at(RunFilter(since=since), lead, limit + 1, None, [Run.task_name, Run.error])
    start = func.substr(rows.c.error, 1, _ENOUGH_OF_AN_ERROR)
    query = select(rows.c.id, rows.c.created_at, rows.c.task_name, start)
    read = db.session.execute(query.order_by(rows.c.created_at.desc(), rows.c.id.desc())).all()
    gathered: dict[tuple[str, str], _Gathered] = {}
    for run_id, created_at, task_name, error in read[:limit]:
        group = gathered.setdefault((task_name, kind_of(error or "")), _Gathered(run_id))
        group.count += 1
        group.first_at = created_at
    shown = list(gathered.items())[:GROUPS_AT_MOST]
    wanted = select(Run).where(Run.id.in_([group.latest_id for _key, group in shown]))
    newest = {run.id: run for run in db.session.scalars(wanted)}
    groups = [
        FailureGroup(*key, one.count, newest[one.latest_id], one.first_at or since)
        for key, one in shown
        if one.latest_id in newest  # not deleted in between
    ]
    back_to = read[limit - 1].created_at if len(read) > limit else None
    return Failures(groups, back_to, len(gathered) - len(shown))
