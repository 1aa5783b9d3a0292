"""Reads how far a change of many runs is, and what became of each run."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from flask_babel import gettext as _
from sqlalchemy import delete, func, select

from app import broker
from app.broker import topics
from app.errors import NotFound
from app.extensions import db, transaction
from app.runs.bulk.models import Bulk, BulkItem
from app.runs.bulk.verdicts import ACT

KEPT_DAYS = 30
KEPT_FROZEN_HOURS = 24


@dataclass(frozen=True)
class Progress:
    """Numbers of a change: runs by what was found of them, and by what became of them."""

    verdicts: dict[str, int]
    outcomes: dict[str, int]

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
    return Progress(dict(verdicts), dict(outcomes))


def items(
    bulk: Bulk, limit: int = 50, after: int = -1, verdict: str | None = None, outcome: str | None = None
) -> Sequence[BulkItem]:
    """Runs of the set behind a position, in the order of the set; of one verdict or outcome if asked."""
    query = select(BulkItem).where(BulkItem.bulk_id == bulk.id, BulkItem.position > after)
    if verdict:
        query = query.where(BulkItem.verdict == verdict)
    if outcome:
        query = query.where(BulkItem.outcome == outcome)
    return db.session.scalars(query.order_by(BulkItem.position).limit(limit)).all()


def version(bulk_id: str) -> str:
    """Moves with every step."""
    return topics.version(broker.client(), f"bulk:{bulk_id}")


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
