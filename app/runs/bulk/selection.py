"""Freezes the set: which runs are meant is fixed at one moment, with what would become of each."""

import uuid
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any

from flask_babel import gettext as _
from sqlalchemy import insert, select

from app.errors import Invalid
from app.extensions import db, transaction
from app.runs import queries
from app.runs.bulk.models import Bulk, BulkItem
from app.runs.bulk.verdicts import judge, tried_again
from app.runs.filters import RunFilter
from app.runs.models import Run
from app.runs.queries import Budget
from app.runs.states import ACTIONS
from app.text import storable

MOST = 10_000
_BUDGET = Budget(500_000, 5.0)
_READ = 500


def freeze_matching(action: str, criteria: RunFilter, by: str, now: datetime) -> Bulk:
    """Freeze the newest runs of a filter, at most `MOST`; raises `Invalid` when there is none."""
    matches = queries.matching_keys(criteria, MOST + 1, budget=_BUDGET)
    ids = [run_id for _at, run_id in matches.keys[:MOST]]
    back_to = matches.looked.back_to if matches.looked else None
    capped = len(matches.keys) > MOST
    return _freeze(action, ids, _described(criteria), by, now, capped, back_to)


def freeze(action: str, ids: Sequence[str], by: str, now: datetime) -> Bulk:
    """Freeze chosen runs, at most `MOST`; raises `Invalid` for more, for none and for an unknown action."""
    chosen = list(dict.fromkeys(ids))
    if len(chosen) > MOST:
        raise Invalid({"ids": [_("Choose at most %(n)s runs at once.", n=MOST)]})
    return _freeze(action, chosen, {"chosen": len(chosen)}, by, now)


def _freeze(
    action: str,
    ids: Sequence[str],
    criteria: dict[str, Any],
    by: str,
    now: datetime,
    capped: bool = False,
    looked_back_to: datetime | None = None,
) -> Bulk:
    if action not in ACTIONS:
        raise Invalid({"action": [_("Choose one of: %(names)s.", names=", ".join(ACTIONS))]})
    if not ids:
        raise Invalid({"ids" if "chosen" in criteria else "filter": [_("No run is meant by this.")]})
    bulk = Bulk(
        id=str(uuid.uuid4()),
        action=action,
        asked_by=storable(by),
        created_at=now,
        wanted=criteria,
        total=len(ids),
        capped=capped,
        looked_back_to=looked_back_to,
    )
    rows = [row | {"bulk_id": bulk.id} for row in _judged(action, ids)]
    with transaction() as session:
        session.add(bulk)
        session.flush()
        session.execute(insert(BulkItem), rows)
    return bulk


def _judged(action: str, ids: Sequence[str]) -> Iterator[dict[str, Any]]:
    again = tried_again(action, ids)
    for start in range(0, len(ids), _READ):
        part = ids[start : start + _READ]
        runs = {run.id: run for run in db.session.scalars(select(Run).where(Run.id.in_(part)))}
        for position, run_id in enumerate(part, start):
            run = runs.get(run_id)
            verdict = judge(action, run, again)
            yield {
                "position": position,
                "run_id": storable(run_id)[:255],
                "task_name": run.task_name if run else "",
                "verdict": verdict.code,
                "detail": verdict.detail,
            }
        db.session.expunge_all()


def _described(criteria: RunFilter) -> dict[str, Any]:
    """The filter as JSON, without what it does not ask for."""
    fields = {name: value for name, value in asdict(criteria).items() if value not in (None, "", (), [])}
    return {name: _plain(value) for name, value in fields.items()}


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.isoformat()
    return list(value) if isinstance(value, tuple) else value
