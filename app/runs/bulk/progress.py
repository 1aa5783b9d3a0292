"""Reads how far a change of many runs is, and what became of each run."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from sqlalchemy import delete, func, select

from app import broker, lists
from app.broker import topics
from app.errors import NotFound
from app.extensions import db, transaction
from app.lists.fields import Choice
from app.runs import states
from app.runs.bulk.models import Bulk, BulkItem
from app.runs.bulk.verdicts import ACT, VERDICTS
from app.runs.models import Run

KEPT_DAYS = 30
KEPT_FROZEN_HOURS = 24
OUTCOMES = ("done", "failed", *VERDICTS)
_CURSOR = lists.Cursor(int)


@dataclass(frozen=True)
class BulkItemFilter(lists.Filter):
    """Which runs of a set: of one verdict, of one outcome."""

    verdict: str | None = lists.of(Choice(VERDICTS), _l("What was found"))
    outcome: str | None = lists.of(Choice(OUTCOMES), _l("What became of it"))


_ALL = BulkItemFilter()


@dataclass(frozen=True)
class Progress:
    """Numbers of a change: runs by what was found of them, and by what became of them.

    `new_runs` are those that it made, by their states now.
    """

    verdicts: dict[str, int]
    outcomes: dict[str, int]
    new_runs: dict[str, int] = field(default_factory=dict)

    @property
    def ended(self) -> bool:
        """Whether every run that it made has ended."""
        return all(states.is_finished(state) for state in self.new_runs)

    @property
    def to_do(self) -> int:
        return self.verdicts.get(ACT, 0)

    @property
    def done(self) -> int:
        return sum(self.outcomes.values())


def get(bulk_id: str) -> Bulk:
    """The change of this id; raises `NotFound`."""
    bulk = db.session.get(Bulk, bulk_id, populate_existing=True) if "\x00" not in bulk_id else None
    if bulk is None:
        raise NotFound(
            _("There is no change of many runs %(id)s: it was never made, or is too old.", id=bulk_id[:80])
        )
    return bulk


def progress(bulk: Bulk) -> Progress:
    """How far it is."""
    query = select(BulkItem.verdict, BulkItem.outcome, func.count()).where(BulkItem.bulk_id == bulk.id)
    verdicts, outcomes = Counter[str](), Counter[str]()
    for verdict, outcome, count in db.session.execute(query.group_by(BulkItem.verdict, BulkItem.outcome)):
        verdicts[verdict] += count
        if outcome:
            outcomes[outcome] += count
    return Progress(dict(verdicts), dict(outcomes), _new_runs(bulk))


def _new_runs(bulk: Bulk) -> dict[str, int]:
    query = select(Run.state, func.count()).join(BulkItem, BulkItem.new_id == Run.id)
    rows = db.session.execute(query.where(BulkItem.bulk_id == bulk.id).group_by(Run.state))
    return {state: number for state, number in rows}  # noqa: C416 -- dict() does not know a row's types


def new_states(items: Iterable[BulkItem]) -> dict[str, str]:
    """The states of the runs that were made of these, by their ids."""
    ids = [item.new_id for item in items if item.new_id]
    rows = db.session.execute(select(Run.id, Run.state).where(Run.id.in_(ids))) if ids else ()
    return {run_id: state for run_id, state in rows}  # noqa: C416


def items(
    bulk: Bulk, criteria: BulkItemFilter = _ALL, limit: int = 50, cursor: str | None = None
) -> lists.Page[BulkItem]:
    """Runs of the set, in its order; raises `Invalid` for a bad cursor."""
    query = select(BulkItem).where(BulkItem.bulk_id == bulk.id)
    if cursor:
        query = query.where(BulkItem.position > _CURSOR.read(cursor)[0])
    if criteria.verdict:
        query = query.where(BulkItem.verdict == criteria.verdict)
    if criteria.outcome:
        query = query.where(BulkItem.outcome == criteria.outcome)
    rows = db.session.scalars(query.order_by(BulkItem.position).limit(limit + 1)).all()
    return lists.Page.of(rows, limit, lambda row: _CURSOR.write(row.position))


def version(bulk_id: str) -> str:
    """Moves with every step, and with every run: how those that it made end is shown."""
    client = broker.client()
    return f"{topics.version(client, f'bulk:{bulk_id}')}.{topics.version(client, 'runs')}"


def forget_old(now: datetime) -> int:
    """Delete changes that nobody looks at any more: finished ones, and sets that were never confirmed."""
    old = (Bulk.created_at < now - timedelta(days=KEPT_DAYS)) & Bulk.finished_at.is_not(None)
    frozen = (Bulk.created_at < now - timedelta(hours=KEPT_FROZEN_HOURS)) & Bulk.confirmed_at.is_(None)
    with transaction() as session:
        ids = session.scalars(select(Bulk.id).where(old | frozen).limit(20)).all()
        if ids:
            session.execute(delete(BulkItem).where(BulkItem.bulk_id.in_(ids)))
            session.execute(delete(Bulk).where(Bulk.id.in_(ids)))
    return len(ids)
