"""Finds workflows in the history, the latest first."""

from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import func, select, tuple_

from app import lists
from app.extensions import db
from app.runs import CURSOR, Run, key_of
from app.runs import states as run_states

PAGE = 50
LOOK = 5000  # how many runs are looked at for one page


@dataclass(frozen=True)
class Listed:
    """One workflow of the list: the run it began with and its runs by state."""

    first_id: str
    task_name: str
    created_at: datetime
    counts: Mapping[str, int]

    @property
    def size(self) -> int:
        return sum(self.counts.values())

    @property
    def done(self) -> int:
        return sum(number for state, number in self.counts.items() if run_states.is_finished(state))


@dataclass(frozen=True)
class Workflows(lists.Page[Listed]):
    """One page of workflows.

    `back_to` is set when the look ended before the page was full: such a page may have none.
    """

    back_to: datetime | None = None


def latest(cursor: str | None = None) -> Workflows:
    """The workflows with the newest runs, at most 50, from among 5,000 runs older than the cursor.

    A workflow stands on the page of its newest run. Raises `Invalid` for a bad cursor.
    """
    top = key_of(cursor)
    newest = select(Run.id, Run.root_id, Run.group_id, Run.created_at)
    if top:
        newest = newest.where(tuple_(Run.created_at, Run.id) < tuple_(*top))
    newest = newest.order_by(Run.created_at.desc(), Run.id.desc())
    looked_at = newest.limit(LOOK).subquery()
    tied = (looked_at.c.root_id != looked_at.c.id) | looked_at.c.group_id.is_not(None)
    rows = db.session.execute(
        select(looked_at).where(tied).order_by(looked_at.c.created_at.desc(), looked_at.c.id.desc())
    )
    roots: dict[str, None] = {}
    groups: dict[str, None] = {}
    for row in rows:
        if row.root_id and row.root_id != row.id:
            roots[row.root_id] = None
        else:
            groups[row.group_id] = None
        if len(roots) + len(groups) >= PAGE:
            items = _listed(roots, groups, top[0] if top else None)
            return Workflows(items, CURSOR.write(row.created_at, row.id))
    items = _listed(roots, groups, top[0] if top else None)
    end = db.session.execute(newest.offset(LOOK - 1).limit(1)).first()
    return Workflows(items, CURSOR.write(end.created_at, end.id), end.created_at) if end else Workflows(items)


def _listed(roots: Collection[str], groups: Collection[str], top: datetime | None) -> list[Listed]:
    """Those whose newest run is not newer than `top`, the newest first."""
    columns = (Run.id, Run.task_name, Run.created_at, Run.group_id, Run.parent_id)
    firsts = {row.id: row for row in db.session.execute(select(*columns).where(Run.id.in_(roots)))}
    # A run in a group that no task sent begins no workflow of its own.
    within = {row.group_id: None for row in firsts.values() if row.group_id and row.parent_id is None}
    firsts = {key: row for key, row in firsts.items() if row.group_id not in within}
    listed = _counted(Run.root_id, firsts, top)
    group_ids = {**within, **dict.fromkeys(groups)}
    alone = select(Run.group_id, func.min(Run.created_at)).where(
        Run.group_id.in_(group_ids), Run.parent_id.is_(None)
    )
    members = select(*columns).where(tuple_(Run.group_id, Run.created_at).in_(alone.group_by(Run.group_id)))
    first_of = {row.group_id: row for row in db.session.execute(members.order_by(Run.id.desc()))}
    listed += [group for group in _counted(Run.group_id, first_of, top) if group.size > 1]
    return sorted(listed, key=lambda workflow: workflow.created_at, reverse=True)


def _counted(column: Any, firsts: Mapping[str, Any], top: datetime | None) -> list[Listed]:
    counts: dict[str, Counter[str]] = {}
    newest: dict[str, datetime] = {}
    counting = select(column, Run.state, func.count(), func.max(Run.created_at)).where(column.in_(firsts))
    for key, state, number, at in db.session.execute(counting.group_by(column, Run.state)):
        counts.setdefault(key, Counter())[state] = number
        newest[key] = max(newest.get(key, at), at)
    return [
        Listed(row.id, row.task_name, row.created_at, counts[key])
        for key, row in firsts.items()
        if key in counts and (top is None or newest[key] <= top)
    ]
