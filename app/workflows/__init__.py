"""Workflows: runs that Celery's canvas ties together, drawn as a tree."""

from app.workflows.reading import Listed, Workflow, latest, workflow_of
from app.workflows.tree import Group, Item, Member, Planned, Step, tree

__all__ = [
    "Group",
    "Item",
    "Listed",
    "Member",
    "Planned",
    "Step",
    "Workflow",
    "latest",
    "tree",
    "workflow_of",
]
