"""The brokers of other apps that `CELERIAC_BROKERS` names: looked at, and changed where that is allowed."""

from app.brokers.changes import (
    move,
    nudge,
    purge,
    remove,
    reprioritise,
    restore,
    revoke,
    send_events,
    send_to,
)
from app.brokers.listening import events, listeners
from app.brokers.management import Management, management
from app.brokers.modes import (
    held,
    hold,
    hold_new,
    modes,
    pause,
    release,
    release_all,
    resume,
    stop_holding_new,
)
from app.brokers.places import Place, all_places, allow, find, forbid
from app.brokers.queues import (
    ForeignQueue,
    ForeignRun,
    begin_at,
    begin_at_taken,
    connections,
    in_hand,
    in_hand_count,
    line,
    listing,
)
from app.brokers.queues import find as find_queue
from app.brokers.rights import Finding, findings
from app.brokers.workers import Answers, ForeignWorker, ask, heard

__all__ = [
    "Answers",
    "Finding",
    "ForeignQueue",
    "ForeignRun",
    "ForeignWorker",
    "Management",
    "Place",
    "all_places",
    "allow",
    "ask",
    "begin_at",
    "begin_at_taken",
    "connections",
    "events",
    "find",
    "find_queue",
    "findings",
    "forbid",
    "heard",
    "held",
    "hold",
    "hold_new",
    "in_hand",
    "in_hand_count",
    "line",
    "listeners",
    "listing",
    "management",
    "modes",
    "move",
    "nudge",
    "pause",
    "purge",
    "release",
    "release_all",
    "remove",
    "reprioritise",
    "restore",
    "resume",
    "revoke",
    "send_events",
    "send_to",
    "stop_holding_new",
]
