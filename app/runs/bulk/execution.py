"""Does what was confirmed, run by run, in short steps that any process may take up again."""

import logging
import time
import uuid
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from flask_babel import gettext as _
from redis import RedisError
from sqlalchemy import select, update
from sqlalchemy.exc import DBAPIError

from app import audit, broker
from app.accounts import permits, users
from app.broker import topics
from app.errors import BrokerUnavailable, CeleriacError, Conflict
from app.extensions import db, transaction
from app.runs import checks, retention, states
from app.runs.bulk.models import Bulk, BulkItem
from app.runs.bulk.progress import forget_old, get
from app.runs.bulk.verdicts import ACT, VERDICTS, judge, tried_again
from app.runs.cancel import cancel
from app.runs.models import Run
from app.runs.states import CANCEL, DELETE, RERUN, TERMINATE
from app.runs.submit import made_with, rerun
from app.text import storable
from app.web import roles

BATCH = 25
STEP_SECONDS = 1.0
ASK_SECONDS = 0.3  # of a step, for what a worker is asked about the arguments
LEASE_SECONDS = 30.0
LEFT_SECONDS = 5.0  # nobody has gone on with it for so long: its process is gone

DONE = "done"
FAILED = "failed"
OUTCOMES = (DONE, FAILED, *VERDICTS[1:])

logger = logging.getLogger(__name__)


class BulkResult(NamedTuple):
    """What became of one run; `code` is one of `OUTCOMES`."""

    code: str
    detail: str | None = None
    new_id: str | None = None


class _Item(NamedTuple):
    position: int
    run_id: str


def confirm(bulk_id: str, by: str, now: datetime) -> Bulk:
    """Let a frozen set be worked on, with one entry in the audit log; raises `Conflict` if it is."""
    bulk = get(bulk_id)
    action = bulk.action
    details: dict[str, Any] = {"runs": bulk.total, "wanted": bulk.wanted}
    with transaction() as session:
        taken = session.execute(
            update(Bulk)
            .where(Bulk.id == bulk_id, Bulk.confirmed_at.is_(None))
            .values(confirmed_at=now, leased_until=now, asked_by=storable(by), role=permits.role() or None)
            .returning(Bulk.id)
        ).first()
        if taken is None:
            raise Conflict(_("This was confirmed before."), code="confirmed")
        audit.record("run.bulk", now, "bulk", bulk_id, action, **details)
    forget_old(now)
    return get(bulk_id)


def resume_abandoned(now: datetime) -> bool:
    """One step of a change whose process is gone; False when there is none. For the recorder."""
    left = select(Bulk.id).where(
        Bulk.confirmed_at.is_not(None),
        Bulk.finished_at.is_(None),
        Bulk.leased_until < now - timedelta(seconds=LEFT_SECONDS),
    )
    bulk_id = db.session.scalar(left.order_by(Bulk.confirmed_at).limit(1))
    if bulk_id is None:
        return False
    step(bulk_id, now)
    return True


def step(bulk_id: str, now: datetime) -> bool:
    """Act on the next few runs; False when the last one is done or another process is at it.

    A step that was cut off is done again by the next: a rerun has a key of its own by change and run, and a
    run that is cancelled or deleted already counts as done.
    """
    bulk = _leased(bulk_id, now)
    if bulk is None:
        return False
    outcomes: dict[int, BulkResult] = {}
    pending = _pending(bulk_id)
    started = time.monotonic()
    try:
        with checks.within(ASK_SECONDS):
            for item in pending:
                outcomes[item.position] = _outcome(bulk, item, now)
                if time.monotonic() - started > STEP_SECONDS:
                    break
    finally:
        more = len(outcomes) < len(pending) or len(pending) == BATCH
        _note(bulk_id, outcomes, more, now)
    return more


class _Leased(NamedTuple):
    """What a step needs of a change; it outlives the transactions of the runs."""

    id: str
    action: str
    by: str
    role: str | None


def _leased(bulk_id: str, now: datetime) -> _Leased | None:
    with transaction() as session:
        row = session.execute(
            update(Bulk)
            .where(
                Bulk.id == bulk_id,
                Bulk.confirmed_at.is_not(None),
                Bulk.finished_at.is_(None),
                Bulk.leased_until <= now,
            )
            .values(leased_until=now + timedelta(seconds=LEASE_SECONDS))
            .returning(Bulk.id, Bulk.action, Bulk.asked_by, Bulk.role)
            .execution_options(synchronize_session=False)
        ).first()
    return _Leased(*row) if row else None


def _pending(bulk_id: str) -> list[_Item]:
    query = select(BulkItem.position, BulkItem.run_id).where(
        BulkItem.bulk_id == bulk_id, BulkItem.verdict == ACT, BulkItem.outcome.is_(None)
    )
    return [_Item(*row) for row in db.session.execute(query.order_by(BulkItem.position).limit(BATCH))]


def _note(bulk_id: str, outcomes: dict[int, BulkResult], more: bool, now: datetime) -> None:
    """Write what became of the runs of a step, and let the change go."""
    with transaction() as session:
        for position, outcome in outcomes.items():
            session.execute(
                update(BulkItem)
                .where(BulkItem.bulk_id == bulk_id, BulkItem.position == position)
                .values(outcome=outcome.code, detail=outcome.detail, new_id=outcome.new_id)
                .execution_options(synchronize_session=False)
            )
        session.execute(
            update(Bulk)
            .where(Bulk.id == bulk_id)
            .values(leased_until=now, finished_at=None if more else now)
            .execution_options(synchronize_session=False)
        )
    topics.touch(broker.client(), [f"bulk:{bulk_id}"])


def _outcome(bulk: _Leased, item: _Item, now: datetime) -> BulkResult:
    """Act on one run; an outage is raised, so that the run is tried again."""
    try:
        role = roles.lower(users.role_of(bulk.by), bulk.role)
        with audit.acting(permits.acting_as(bulk.by, role)):
            return _ACTS[bulk.action](bulk, item.run_id, now)
    except (BrokerUnavailable, RedisError, DBAPIError):
        raise
    except CeleriacError as error:
        return BulkResult(FAILED, error.detail)
    except Exception as error:  # a task's own apply_async or router is anybody's code
        logger.exception("run %s of the change %s", item.run_id, bulk.id)
        db.session.rollback()
        return BulkResult(FAILED, storable(f"{type(error).__name__}: {error}"))


def _rerun(bulk: _Leased, run_id: str, now: datetime) -> BulkResult:
    key = f"bulk:{uuid.uuid5(uuid.UUID(bulk.id), run_id)}"
    if first := made_with(bulk.by, key):  # by a step that was cut off
        return BulkResult(DONE, new_id=first.id)
    run = db.session.get(Run, run_id, populate_existing=True)
    verdict = judge(RERUN, run, tried_again(RERUN, [run_id]))
    if run is None or verdict.code != ACT:
        return BulkResult(verdict.code, verdict.detail)
    new = rerun(run, bulk.by, now, idempotency_key=key, audited=False)
    return BulkResult(DONE, new_id=new.id)


def _cancel(bulk: _Leased, run_id: str, now: datetime) -> BulkResult:
    run = db.session.get(Run, run_id, populate_existing=True)
    if run is not None and run.state == states.REVOKED:
        return BulkResult(DONE)
    verdict = judge(bulk.action, run)
    if run is None or verdict.code != ACT:
        return BulkResult(verdict.code)
    terminate = bulk.action == TERMINATE
    return BulkResult(DONE, cancel(run, terminate, bulk.by, now, audited=False))


def _delete(bulk: _Leased, run_id: str, now: datetime) -> BulkResult:
    run = db.session.get(Run, run_id, populate_existing=True)
    if run is not None:
        verdict = judge(DELETE, run)
        if verdict.code != ACT:
            return BulkResult(verdict.code)
        retention.delete_these([run_id])
        topics.touch(broker.client(), ["runs"])
    return BulkResult(DONE)


_Act = Callable[[_Leased, str, datetime], BulkResult]
_ACTS: dict[str, _Act] = {RERUN: _rerun, CANCEL: _cancel, TERMINATE: _cancel, DELETE: _delete}
