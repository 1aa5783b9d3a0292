"""The tree of a workflow as the REST API gives it."""

from typing import Any

from marshmallow import fields

from app import workflows
from app.api.fields import Schema


class WorkflowSchema(Schema):
    """A workflow's steps in their order, as far as they are known."""

    items = fields.List(
        fields.Dict(),
        metadata={
            "description": "Each has a `kind`. run: `id`, `task_name`, `state`, `runtime_seconds`, and"
            " `sent`, the flows that it sent side by side. group: `id`, `size`, `states` (runs by state) and"
            " `members`, each a flow. planned: `task_name`, `id` and `size` (of a group) of a step that has"
            " no run yet."
        },
    )
    states = fields.Dict(metadata={"description": "How many of its runs are in each state."})
    size = fields.Integer(metadata={"description": "How many runs it has so far."})
    done = fields.Integer(metadata={"description": "How many of them have ended."})
    cut = fields.Boolean(metadata={"description": "True when it has more runs than are shown."})


def document(workflow: workflows.Workflow) -> dict[str, Any]:
    """The workflow as plain values, for `WorkflowSchema`."""
    return {
        "items": [_plain(item) for item in workflow.items],
        "states": dict(workflow.counts),
        "size": workflow.size,
        "done": workflow.done,
        "cut": workflow.cut,
    }


def _plain(item: workflows.Item) -> dict[str, Any]:
    if isinstance(item, workflows.Group):
        members = [[_plain(step) for step in flow] for flow in item.members]
        return {
            "kind": "group",
            "id": item.id,
            "size": item.size,
            "states": dict(item.counts),
            "members": members,
        }
    if isinstance(item, workflows.Planned):
        return {
            "kind": "planned",
            "task_name": item.task_name or None,
            "id": item.id or None,
            "size": item.size,
        }
    run = item.run
    sent = [[_plain(step) for step in flow] for flow in item.sent]
    return {
        "kind": "run",
        "id": run.id,
        "task_name": run.task_name,
        "state": run.state,
        "runtime_seconds": run.runtime_seconds,
        "sent": sent,
    }
