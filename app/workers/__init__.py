"""Workers: who is alive and what each is doing, from their own heartbeats; and changes to them."""

from app.workers.control import change_queues, clear, pause, resize, resume, shutdown
from app.workers.deaths import recover, recover_elsewhere
from app.workers.knowledge import Knowledge, knowledge
from app.workers.limits import Limited, all_in_force, in_force, limits_of, set_limits

__all__ = [
    "Knowledge",
    "Limited",
    "all_in_force",
    "change_queues",
    "clear",
    "in_force",
    "knowledge",
    "limits_of",
    "pause",
    "recover",
    "recover_elsewhere",
    "resize",
    "resume",
    "set_limits",
    "shutdown",
]
