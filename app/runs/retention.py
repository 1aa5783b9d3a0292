"""Which finished runs leave the history: by age and by number, by state and by task."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Select, func, select

from app.config import settings
from app.extensions import db
from app.runs import states
from app.runs.models import Run


@dataclass(frozen=True)
class Rule:
    """The finished runs in `states` (empty: all) of a task (empty: all) that go.

    Those made before `before` go, and those beyond the newest `keep` (at least 1); either may be None.
    """

    before: datetime | None = None
    keep: int | None = None
    states: Sequence[str] = ()
    task_name: str = ""

    @property
    def ends(self) -> Sequence[str]:
        return self.states or states.FINISHED


def rule_of(
    now: datetime,
    older_than_days: float | None = None,
    states: Sequence[str] | None = None,
    keep_newest: int | None = None,
    task_name: str | None = None,
) -> Rule:
    """The rule that a person gave to the task that cleans up; without an age the setting's holds."""
    days = settings().retention_days if older_than_days is None else older_than_days
    return Rule(now - timedelta(days=days), keep_newest, states or (), task_name or "")


def boundary(rule: Rule) -> datetime | None:
    """Runs that the rule is about and that were made before this moment go; None: nothing goes."""
    limits = [rule.before] if rule.before else []
    if rule.keep is not None:
        newest = _matching(rule).with_only_columns(Run.created_at).order_by(Run.created_at.desc())
        if oldest_kept := db.session.scalar(newest.offset(rule.keep - 1).limit(1)):
            limits.append(oldest_kept)
    return max(limits, default=None)


def count(rule: Rule) -> int:
    """How many runs the rule would delete now."""
    before = boundary(rule)
    if before is None:
        return 0
    found = _matching(rule).where(Run.created_at < before).with_only_columns(func.count())
    return int(db.session.scalar(found.order_by(None)) or 0)


def _matching(rule: Rule) -> Select[Run]:
    query = select(Run).where(Run.state.in_(rule.ends))
    return query.where(Run.task_name == rule.task_name) if rule.task_name else query
