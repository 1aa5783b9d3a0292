"""What tells the members of a group apart: the argument in which they differ."""

import json
from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Any

from sqlalchemy import select

from app.extensions import db
from app.runs import Run
from app.workflows.history import Workflow
from app.workflows.presentation import shown_members
from app.workflows.tree import Group, Item, Step, first_run

LENGTH = 24
GROUPS_MAX = 20  # how many groups of one workflow have labels


def labels(workflow: Workflow, run_id: str) -> dict[str, str]:
    """By run id, what tells each shown member of a group from the others, on the page of `run_id`."""
    shown = [_ids(group, run_id) for group in islice(_groups(workflow.items), GROUPS_MAX)]
    run_ids = [member_id for ids in shown for member_id in ids]
    if not run_ids:
        return {}
    rows = db.session.execute(select(Run.id, Run.args, Run.kwargs).where(Run.id.in_(run_ids)))
    arguments = {row.id: _named(row.args, row.kwargs) for row in rows}
    labelled: dict[str, str] = {}
    for ids in shown:
        known = [member_id for member_id in ids if member_id in arguments]
        labelled |= dict(zip(known, told_apart([arguments[member_id] for member_id in known]), strict=False))
    return labelled


def told_apart(calls: Sequence[dict[str, Any]]) -> list[str]:
    """For each call the first argument that differs, cut to 24 characters; nothing for calls alike."""
    names = list(dict.fromkeys(name for call in calls for name in call))
    for name in names:
        values = [_short(call[name]) if name in call else "" for call in calls]
        if len(set(values)) > 1:
            return values
    return []


def _ids(group: Group, run_id: str) -> list[str]:
    return [run.id for flow in shown_members(group, run_id) if (run := first_run(flow))]


def _named(args: Sequence[Any] | None, kwargs: dict[str, Any] | None) -> dict[str, Any]:
    return {str(index): value for index, value in enumerate(args or [])} | (kwargs or {})


def _short(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return text if len(text) <= LENGTH else text[: LENGTH - 1] + "…"


def _groups(items: Sequence[Item]) -> Iterator[Group]:
    for item in items:
        if isinstance(item, Group):
            yield item
            for flow in item.members:
                yield from _groups(flow)
        elif isinstance(item, Step):
            for flow in item.sent:
                yield from _groups(flow)
