"""Which members of a group a page shows: those that need a look come first; pure."""

from collections.abc import Sequence

from app.runs import states
from app.workflows.tree import Group, Item, Step, first_run

SHOWN_MAX = 12


def shown_members(group: Group, run_id: str) -> list[list[Item]]:
    """At most 12 of the group's flows, in their order: this run's, failed, running, then others."""
    if group.size <= SHOWN_MAX:
        return group.members
    ranked = sorted(range(group.size), key=lambda index: (_rank(group.members[index], run_id), index))
    return [group.members[index] for index in sorted(ranked[:SHOWN_MAX])]


def _rank(flow: Sequence[Item], run_id: str) -> int:
    if any(isinstance(item, Step) and item.run.id == run_id for item in flow):
        return 0
    run = first_run(flow)
    if run is None:
        return 4
    if run.state in states.FAILED:
        return 1
    return 2 if run.state in states.RUNNING else 3
