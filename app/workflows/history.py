"""Reads one workflow from the history: its runs, and what their messages say comes next."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from sqlalchemy import select

from app import broker
from app.errors import BrokerUnavailable
from app.extensions import db
from app.runs import Run
from app.runs import states as run_states
from app.workflows.canvas import follows
from app.workflows.tree import Follows, Item, Member, tree

RUNS_MAX = 5000
ASKED_MAX = 12  # how many unfinished runs' messages are read for what follows
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


def workflow_of(run: Run) -> Workflow | None:
    """The workflow that a run belongs to; None when it stands alone and nothing is known to follow it."""
    members = _members(run)
    ahead = _ahead(members.values())
    if len(members) == 1 and not any(
        member_ahead.chain or member_ahead.chord for member_ahead in ahead.values()
    ):
        return None
    counts = Counter(member.state for member in members.values())
    return Workflow(tree(members.values(), ahead), counts, cut=len(members) >= RUNS_MAX)


def _members(run: Run) -> dict[str, Member]:
    members = _read(Run.root_id == (run.root_id or run.id))
    if run.id not in members:
        members |= _read(Run.id == run.id)
    if alone := next(
        (member for member in members.values() if member.group_id and member.parent_id is None), None
    ):
        beside = _read(Run.group_id == alone.group_id)  # no task sent them: they have only this in common
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
    per_group: dict[tuple[str | None, str], Member] = {}
    for member in members:
        if not run_states.is_finished(member.state):
            per_group.setdefault((member.parent_id, member.group_id or member.id), member)
    run_ids = {member.id for member in list(per_group.values())[:ASKED_MAX]}
    if not run_ids:
        return {}
    rows = db.session.execute(select(Run.id, Run.queue).where(Run.id.in_(run_ids)))
    queues = {run_id: queue for run_id, queue in rows}  # noqa: C416 -- dict() does not know a row's types
    try:
        return {
            run_id: follows_of
            for run_id in run_ids
            if (follows_of := _of_message(run_id, queues.get(run_id)))
        }
    except BrokerUnavailable:
        return {}


def _of_message(run_id: str, queue: str | None) -> Follows | None:
    location = broker.locate(run_id, [queue] if queue else [])
    return follows(broker.workflow_options(location.message.raw)) if location else None
