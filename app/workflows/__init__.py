"""Workflows: runs that Celery's canvas ties together, drawn as a tree."""

from app.workflows.history import Workflow, workflow_of
from app.workflows.labels import labels
from app.workflows.listing import Listed, Workflows, latest
from app.workflows.tree import Group, Item, Member, Planned, Step, tree

__all__ = [
    "Group",
    "Item",
    "Listed",
    "Member",
    "Planned",
    "Step",
    "Workflow",
    "Workflows",
    "labels",
    "latest",
    "tree",
    "workflow_of",
]
