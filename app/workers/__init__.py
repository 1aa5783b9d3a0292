"""Workers: who is alive and what each is doing, from their own heartbeats; and changes to them."""

from app.workers import deploys
from app.workers.control import change_queues, clear, pause, resize, resume, shutdown
from app.workers.deaths import (
    DEATHS_MAX,
    deaths_of,
    given_out_again,
    note_death,
    quarantined,
    recover,
    recover_elsewhere,
)
from app.workers.knowledge import Knowledge, knowledge
from app.workers.limits import Limited, all_in_force, in_force, limits_of, set_limits

__all__ = [
    "DEATHS_MAX",
    "Knowledge",
    "Limited",
    "all_in_force",
    "change_queues",
    "clear",
    "deaths_of",
    "deploys",
    "given_out_again",
    "in_force",
    "knowledge",
    "limits_of",
    "note_death",
    "pause",
    "quarantined",
    "recover",
    "recover_elsewhere",
    "resize",
    "resume",
    "set_limits",
    "shutdown",
]
