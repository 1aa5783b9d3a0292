"""Reads workflows from the history: the runs of one, and the latest ones."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from sqlalchemy import func, select

from app import broker
from app.errors import BrokerUnavailable
from app.extensions import db
from app.runs import Run
from app.runs import states as run_states
from app.workflows.canvas import follows
from app.workflows.tree import Follows, Item, Member, tree

RUNS_MAX = 5000
LOOK = 5000  # how many of the newest runs are looked at to find the latest workflows
ASKED_MAX = 12  # how many unfinished runs' messages are read for what follows
# Members of a group that no task sent have nothing in common but the group's id and their moment.
SENT_WITHIN = timedelta(seconds=10)
_COLUMNS = (
    Run.id,
    Run.task_name,
    Run.state,
    Run.parent_id,
    Run.group_id,
    Run.created_at,
    Run.started_at,
    Run.ended_at,
    Run.runtime_seconds,
)


@dataclass(frozen=True)
class Workflow:
    """A run's workflow: its items in order, and its runs by state; `cut` when not all of them are here."""

    items: list[Item] = field(default_factory=list)
    counts: Mapping[str, int] = field(default_factory=dict)
    cut: bool = False

    @property
    def size(self) -> int:
        return sum(self.counts.values())

    @property
    def done(self) -> int:
        return sum(number for state, number in self.counts.items() if run_states.is_finished(state))


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


def workflow_of(run: Run) -> Workflow | None:
    """The workflow that a run belongs to; None when it stands alone and nothing is known to follow it."""
    members = _members(run)
    ahead = _ahead(members.values())
    if len(members) == 1 and not any(one.chain or one.chord for one in ahead.values()):
        return None
    counts = Counter(one.state for one in members.values())
    return Workflow(tree(members.values(), ahead), counts, cut=len(members) >= RUNS_MAX)


def latest() -> list[Listed]:
    """The latest workflows, newest first: those with a run among the newest 5,000 of the history."""
    newest = select(Run.id, Run.root_id, Run.group_id, Run.state, Run.task_name, Run.created_at)
    newest = newest.order_by(Run.created_at.desc(), Run.id.desc()).limit(LOOK)
    roots: dict[str, None] = {}
    groups: dict[str, list[tuple[str, str, str, datetime]]] = {}
    for run_id, root_id, group_id, state, task_name, created_at in db.session.execute(newest):
        if root_id and root_id != run_id:
            roots[root_id] = None
        elif group_id:
            groups.setdefault(group_id, []).append((run_id, state, task_name, created_at))
    found = _of_roots(list(roots)[:200])
    for members in groups.values():
        first = members[-1]
        if len(members) > 1:
            counts = Counter(state for _id, state, _name, _at in members)
            found.append(Listed(first[0], first[2], first[3], counts))
    return sorted(found, key=lambda one: one.created_at, reverse=True)[:100]


def _of_roots(roots: list[str]) -> list[Listed]:
    if not roots:
        return []
    counts: dict[str, Counter[str]] = {}
    counting = select(Run.root_id, Run.state, func.count()).where(Run.root_id.in_(roots))
    for root_id, state, number in db.session.execute(counting.group_by(Run.root_id, Run.state)):
        counts.setdefault(root_id or "", Counter())[state] = number
    firsts = select(Run.id, Run.task_name, Run.created_at).where(Run.id.in_(roots))
    return [
        Listed(run_id, task_name, created_at, counts[run_id])
        for run_id, task_name, created_at in db.session.execute(firsts)
        if run_id in counts
    ]


def _members(run: Run) -> dict[str, Member]:
    members = _read(Run.root_id == (run.root_id or run.id))
    if run.id not in members:
        members |= _read(Run.id == run.id)
    if alone := next((one for one in members.values() if one.group_id and one.parent_id is None), None):
        around = (alone.created_at - SENT_WITHIN, alone.created_at + SENT_WITHIN)
        beside = _read(Run.created_at.between(*around), Run.group_id == alone.group_id)
        if others := sorted(set(beside) - set(members))[:RUNS_MAX]:
            members |= beside
            members |= _read(Run.root_id.in_(others[:500]))
    return members


def _read(*conditions: object) -> dict[str, Member]:
    query = select(*_COLUMNS).where(*conditions).order_by(Run.created_at).limit(RUNS_MAX)  # type: ignore[arg-type]  # SQLAlchemy's own conditions
    return {row.id: Member(*row) for row in db.session.execute(query)}


def _ahead(members: Iterable[Member]) -> dict[str, Follows]:
    """What the messages of some unfinished runs say comes next; nothing while the broker is away.

    One run of each group tells what follows the group.
    """
    asked: dict[tuple[str | None, str], Member] = {}
    for one in members:
        if not run_states.is_finished(one.state):
            asked.setdefault((one.parent_id, one.group_id or one.id), one)
    wanted = {one.id for one in list(asked.values())[:ASKED_MAX]}
    if not wanted:
        return {}
    rows = db.session.execute(select(Run.id, Run.queue).where(Run.id.in_(wanted)))
    queues = {run_id: queue for run_id, queue in rows}  # noqa: C416 -- dict() does not know a row's types
    try:
        return {run_id: found for run_id in wanted if (found := _of_message(run_id, queues.get(run_id)))}
    except BrokerUnavailable:
        return {}


def _of_message(run_id: str, queue: str | None) -> Follows | None:
    place = broker.locate(run_id, [queue] if queue else [])
    return follows(broker.workflow_options(place.message.raw)) if place else None
