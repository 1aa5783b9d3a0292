"""What waits in the broker: kombu's Redis lists, read and changed atomically; or what RabbitMQ tells."""

from app.broker.capabilities import (
    NotSupported,
    is_rabbitmq,
    supports_hold,
    supports_order,
    supports_reading,
    supports_undo_purge,
)
from app.broker.changes import hold, move, remove, reprioritise, send_to
from app.broker.connection import Keys, Level, client, keys, mend, other_app, require_own, reset
from app.broker.depth_samples import KEPT as SAMPLES_KEPT
from app.broker.depth_samples import SLOT_SECONDS as SAMPLE_SECONDS
from app.broker.depth_samples import Sample, sample, samples, slot_of
from app.broker.errors import AlreadyTaken, IsHeld, NeighbourGone
from app.broker.holding import Held, find_held, held, held_count, held_ids, release, release_all
from app.broker.holding_new import HoldingNew, hold_new, holding_new, stop_holding_new, sweep
from app.broker.location import Place, Taken, is_declared, is_out, known_queues, locate, out, unacked
from app.broker.messages import Message, parse, unread, workflow_options
from app.broker.ownership import BelongsToAnother, OtherApp, workers_seen
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
from app.broker.waiting import Depth, by_priority, depth, depths, find, oldest_sent_at, page, position

__all__ = [
    "SAMPLES_KEPT",
    "SAMPLE_SECONDS",
    "AlreadyTaken",
    "BelongsToAnother",
    "Depth",
    "Held",
    "HoldingNew",
    "IsHeld",
    "Keys",
    "Level",
    "Message",
    "NeighbourGone",
    "NotSupported",
    "OtherApp",
    "Pause",
    "Place",
    "Purged",
    "Sample",
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
    "is_declared",
    "is_out",
    "is_rabbitmq",
    "keys",
    "known_queues",
    "locate",
    "mend",
    "move",
    "oldest_sent_at",
    "other_app",
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
    "require_own",
    "reset",
    "restore",
    "resume",
    "resume_worker",
    "sample",
    "samples",
    "send_to",
    "slot_of",
    "stop_holding_new",
    "supports_hold",
    "supports_order",
    "supports_reading",
    "supports_undo_purge",
    "sweep",
    "unacked",
    "unread",
    "workers_seen",
    "workflow_options",
]
