"""Many runs at once: a set is frozen and looked at, then rerun, cancelled, terminated or deleted."""

from app.runs.bulk.execution import confirm, resume_abandoned, step
from app.runs.bulk.models import Bulk, BulkItem
from app.runs.bulk.progress import (
    BulkItemFilter,
    Progress,
    forget_old,
    get,
    items,
    new_states,
    progress,
    version,
)
from app.runs.bulk.selection import MOST, freeze, freeze_matching
from app.runs.states import ACTIONS

__all__ = [
    "ACTIONS",
    "MOST",
    "Bulk",
    "BulkItem",
    "BulkItemFilter",
    "Progress",
    "confirm",
    "forget_old",
    "freeze",
    "freeze_matching",
    "get",
    "items",
    "new_states",
    "progress",
    "resume_abandoned",
    "step",
    "version",
]
