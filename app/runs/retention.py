"""Which finished runs leave the history (by age and number, state and task), and how they go."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from flask_babel import gettext as _
from sqlalchemy import Select, delete, func, select

from app import app_names, audit, broker
from app.broker import topics
from app.config import settings
from app.errors import Conflict
from app.extensions import db, transaction
from app.runs import logs, states
from app.runs.models import Run


@dataclass(frozen=True)
class Rule:
    """The finished runs in `states` (empty: all) of a task and an app (empty: all) that go.

    Those made before `before` go, and those beyond the newest `keep` (at least 1); either may be None.
    """

    before: datetime | None = None
    keep: int | None = None
    states: Sequence[str] = ()
    task_name: str = ""
    app: str = ""

    @property
    def ends(self) -> Sequence[str]:
        return self.states or states.FINISHED


def rule_of(
    now: datetime,
    older_than_days: float | None = None,
    states: Sequence[str] | None = None,
    keep_newest: int | None = None,
    task_name: str | None = None,
    app: str | None = None,
) -> Rule:
    """The rule that a person gave to the task that cleans up; without an age the setting's holds."""
    days = settings().retention_days if older_than_days is None else older_than_days
    return Rule(now - timedelta(days=days), keep_newest, states or (), task_name or "", app or "")


def boundary(rule: Rule) -> datetime | None:
    """Runs that the rule is about and that were made before this moment go; None: nothing goes."""
    limits = [rule.before] if rule.before else []
    if rule.keep is not None:
        newest = _matching(rule).with_only_columns(Run.created_at).order_by(Run.created_at.desc())
        if oldest_kept := db.session.scalar(newest.offset(rule.keep - 1).limit(1)):
            limits.append(oldest_kept)
    return max(limits, default=None)


def count_old(rule: Rule) -> int:
    """How many runs the rule would delete now."""
    before = boundary(rule)
    if before is None:
        return 0
    count = _matching(rule).where(Run.created_at < before).with_only_columns(func.count())
    return int(db.session.scalar(count.order_by(None)) or 0)


def _matching(rule: Rule) -> Select[Run]:
    query = select(Run).where(Run.state.in_(rule.ends))
    if rule.app:
        query = query.where(app_names.is_of(Run.app, rule.app))
    return query.where(Run.task_name == rule.task_name) if rule.task_name else query


def delete_finished(rule: Rule, before: datetime, limit: int) -> int:
    """Delete up to `limit` of the runs that a rule is about and that were created before a time.

    Returns how many were deleted; callers loop until it is 0, so that nobody waits long for a lock.
    """
    if unknown := set(rule.ends) - set(states.FINISHED):
        raise ValueError(f"only finished runs can be deleted, not {', '.join(sorted(unknown))}")
    oldest = _matching(rule).with_only_columns(Run.id).where(Run.created_at < before).limit(limit)
    with transaction() as session:
        ids = session.scalars(oldest).all()
        if ids:
            session.execute(delete(Run).where(Run.id.in_(ids)).execution_options(synchronize_session=False))
            logs.forget(ids)
    return len(ids)


def delete_these(ids: Sequence[str]) -> int:
    """Delete those of a few runs that have finished; returns how many."""
    with transaction() as session:
        finished = session.scalars(
            select(Run.id).where(Run.id.in_(ids), Run.state.in_(states.FINISHED))
        ).all()
        session.execute(delete(Run).where(Run.id.in_(finished)).execution_options(synchronize_session=False))
        logs.forget(finished)
    return len(finished)


BATCH = 1000


def clean_up(states: Sequence[str], before: datetime, now: datetime) -> int:
    """Delete every finished run in one of the states that was created before a time; returns how many.

    Raises ValueError for a state that is not an end.
    """
    deleted = 0
    while count := delete_finished(Rule(states=states), before, BATCH):
        deleted += count
    note_clean_up(deleted, now, states=list(states), before=before.isoformat())
    if deleted:
        topics.touch(broker.client(), ["runs"])
    return deleted


def note_clean_up(deleted: int, now: datetime, run_id: str = "", **limits: Any) -> None:
    """Write into the audit log how many runs a clean-up deleted, and by which limits; see `note_removal`."""
    note_removal("run.delete", now, run_id, **{"deleted": deleted} | limits)


def note_removal(action: str, now: datetime, run_id: str = "", **details: Any) -> None:
    """Write into the audit log what was removed.

    `run_id` is the run that did it; whoever asked for that one is named.
    """
    run = db.session.get(Run, run_id) if run_id else None
    asked_by = (run.requested_by or "") if run else None
    with transaction():
        audit.record(action, now, "run", run_id, run.task_name if run else "", actor=asked_by, **details)


def delete_run(run: Run, now: datetime) -> None:
    """Delete a run and write who did; raises `Conflict` (code "not-finished") for one that has not ended."""
    run_id, task_name, state = run.id, run.task_name, run.state
    if not delete_these([run_id]):
        raise Conflict(_("This run has not finished. Cancel it first."), code="not-finished")
    with transaction():
        audit.record("run.delete", now, "run", run_id, task_name, state=state)
    topics.touch(broker.client(), ["runs", f"run:{run_id}"])
