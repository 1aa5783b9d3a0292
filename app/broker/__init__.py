"""What waits in the broker: kombu's Redis lists, read and changed atomically."""

from app.broker.changes import hold, move, remove, reprioritise, send_to
from app.broker.connection import Keys, Level, client, keys, reset
from app.broker.errors import AlreadyTaken, IsHeld, NeighbourGone
from app.broker.holding import Held, find_held, held, held_count, held_ids, release, release_all
from app.broker.holding_new import HoldingNew, hold_new, holding_new, stop_holding_new, sweep
from app.broker.line import Depth, by_priority, depth, depths, find, oldest_sent_at, page, position
from app.broker.messages import Message, parse, workflow_options
from app.broker.pausing import (
    Pause,
    WorkerPause,
    pause,
    pause_worker,
    paused,
    paused_workers,
    resume,
    resume_worker,
)
from app.broker.purging import Purged, purge, purged, restore
from app.broker.whereabouts import Place, Taken, is_out, known_queues, locate, out, unacked

__all__ = [
    "AlreadyTaken",
    "Depth",
    "Held",
    "HoldingNew",
    "IsHeld",
    "Keys",
    "Level",
    "Message",
    "NeighbourGone",
    "Pause",
    "Place",
    "Purged",
    "Taken",
    "WorkerPause",
    "by_priority",
    "client",
    "depth",
    "depths",
    "find",
    "find_held",
    "held",
    "held_count",
    "held_ids",
    "hold",
    "hold_new",
    "holding_new",
    "is_out",
    "keys",
    "known_queues",
    "locate",
    "move",
    "oldest_sent_at",
    "out",
    "page",
    "parse",
    "pause",
    "pause_worker",
    "paused",
    "paused_workers",
    "position",
    "purge",
    "purged",
    "release",
    "release_all",
    "remove",
    "reprioritise",
    "reset",
    "restore",
    "resume",
    "resume_worker",
    "send_to",
    "stop_holding_new",
    "sweep",
    "unacked",
    "workflow_options",
]
