"""Many runs at once: a set is frozen and looked at, then rerun, cancelled, terminated or deleted."""

from app.runs.many.freezing import MOST, freeze, freeze_matching
from app.runs.many.models import Bulk, BulkItem
from app.runs.many.progress import Progress, forget_old, get, items, progress, version
from app.runs.many.verdicts import ACTIONS
from app.runs.many.working import confirm, look_after, step

__all__ = [
    "ACTIONS",
    "MOST",
    "Bulk",
    "BulkItem",
    "Progress",
    "confirm",
    "forget_old",
    "freeze",
    "freeze_matching",
    "get",
    "items",
    "look_after",
    "progress",
    "step",
    "version",
]
