"""The tree of a workflow: what followed what, made from the rows of its runs; pure."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from app.runs import states

# A chord's callback is sent just before its last member is told to have ended.
SLACK = timedelta(seconds=1)


@dataclass(frozen=True)
class Member:
    """What the tree needs to know of a run."""

    id: str
    task_name: str
    state: str
    parent_id: str | None
    group_id: str | None
    created_at: datetime
    started_at: datetime | None = None
    ended_at: datetime | None = None
    runtime_seconds: float | None = None


@dataclass(frozen=True)
class Planned:
    """A step that is known to follow and has no run yet; `size` is set for a group of so many."""

    task_name: str
    id: str = ""
    size: int | None = None


@dataclass(frozen=True)
class Follows:
    """What the message of a run says comes after it: the rest of its chain, and its chord's callback."""

    chain: Sequence[Planned] = ()
    chord: Sequence[Planned] = ()


@dataclass(frozen=True)
class Step:
    """One run; `sent` are the flows that it sent side by side."""

    run: Member
    sent: list[list["Item"]] = field(default_factory=list)


@dataclass(frozen=True)
class Group:
    """Runs side by side, each the first of its own flow; `counts` has their states."""

    id: str
    members: list[list["Item"]]
    counts: Mapping[str, int]

    @property
    def size(self) -> int:
        return len(self.members)

    @property
    def done(self) -> int:
        return sum(number for state, number in self.counts.items() if states.is_finished(state))


Item = Step | Group | Planned


def tree(rows: Iterable[Member], follows: Mapping[str, Follows] | None = None) -> list[Item]:
    """The flow of a workflow, first step first; a chain's steps stand on one level, a group's side by side.

    A member whose parent is not among the rows stands at the top. `follows` is known for some runs that have
    not ended. Rows may come in any order.
    """
    return _Builder(rows, follows or {}).whole()


class _Builder:
    def __init__(self, rows: Iterable[Member], follows: Mapping[str, Follows]) -> None:
        ordered = sorted(rows, key=lambda row: (row.created_at, row.id))
        self._rows = {row.id: row for row in ordered}
        self._follows = follows
        self._placed: set[str] = set()
        self._children: dict[str, list[Member]] = {}
        for row in ordered:
            if row.parent_id in self._rows and row.parent_id != row.id:
                self._children.setdefault(row.parent_id or "", []).append(row)

    def whole(self) -> list[Item]:
        tops = [run for run in self._rows.values() if run.parent_id not in self._rows]
        items = self._flow(tops)
        # Parents that go round in a circle (no message of Celery's does) leave nobody at the top.
        for run in self._rows.values():
            if run.id not in self._placed:
                items += self._flow([run])
        return items

    def _flow(self, beside: Sequence[Member]) -> list[Item]:
        """The items of one level, starting with runs side by side. A loop: chains can be very long."""
        items: list[Item] = []
        within: str | None = None
        while beside := [run for run in beside if run.id not in self._placed]:
            groups, singles = _split(beside, within)
            if len(singles) == 1 and not groups:
                run = singles[0]
                self._placed.add(run.id)
                items.append(Step(run))
                beside, within = self._children.get(run.id, []), run.group_id
                if not beside:
                    items += self._planned(self._follows.get(run.id, Follows()).chain)
                continue
            for single in singles:
                self._placed.add(single.id)
                items.append(Step(single, self._sent(single)))
            beside = []
            for group_id, members in groups.items():
                items += self._group(group_id, members)
        return items

    def _sent(self, run: Member) -> list[list[Item]]:
        flow = self._flow(self._children.get(run.id, []))
        flow += self._planned(self._follows.get(run.id, Follows()).chain) if not flow else []
        return [flow] if flow else []

    def _group(self, group_id: str, members: Sequence[Member]) -> list[Item]:
        """The group, and what comes after all of its members."""
        planned = next((ahead.chord for member in members if (ahead := self._ahead(member)).chord), ())
        callback = self._callback(members, planned)
        if callback:
            self._placed.add(callback.id)  # so that no member shows it as its own
        flows = [self._flow([member]) for member in members]
        items: list[Item] = [Group(group_id, flows, Counter(member.state for member in members))]
        if callback:
            self._placed.discard(callback.id)
            return items + self._flow([callback])
        return items + self._planned(planned)

    def _ahead(self, member: Member) -> Follows:
        """What is known of the member, or of the last run of its chain so far."""
        run, seen = member, {member.id}
        while run.id not in self._follows and len(sent := self._children.get(run.id, [])) == 1:
            run = sent[0]
            if run.id in seen:
                break
            seen.add(run.id)
        return self._follows.get(run.id, Follows())

    def _callback(self, members: Sequence[Member], planned: Sequence[Planned]) -> Member | None:
        """The run that follows the whole group: named by a message, or sent by its last member at the end."""
        if planned and planned[0].id in self._rows:
            return self._rows[planned[0].id]
        sent = [child for member in members for child in self._children.get(member.id, [])]
        ends = [member.ended_at for member in members if member.ended_at and states.is_finished(member.state)]
        if len(sent) != 1 or len(ends) != len(members):
            return None
        return sent[0] if sent[0].created_at >= max(ends) - SLACK else None

    def _planned(self, steps: Sequence[Planned]) -> list[Item]:
        return [step for step in steps if step.id not in self._rows]


def _split(beside: Sequence[Member], within: str | None) -> tuple[dict[str, list[Member]], list[Member]]:
    """Runs side by side as groups of two or more, and the others."""
    groups: dict[str, list[Member]] = {}
    for run in beside:
        if run.group_id and run.group_id != within:
            groups.setdefault(run.group_id, []).append(run)
    groups = {group_id: members for group_id, members in groups.items() if len(members) > 1}
    return groups, [run for run in beside if run.group_id not in groups]


def first_run(flow: Sequence[Item]) -> Member | None:
    """The run that a flow begins with."""
    return next((item.run for item in flow if isinstance(item, Step)), None)
