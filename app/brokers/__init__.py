"""The brokers of other apps that `CELERIAC_BROKERS` names: looked at, and changed where that is allowed."""

from app.brokers.changes import move, purge, remove, reprioritise, restore, revoke, send_events, send_to
from app.brokers.listening import events, listeners
from app.brokers.places import Place, all_places, allow, find, forbid
from app.brokers.queues import ForeignQueue, ForeignRun, connections, in_hand, in_hand_count, line, listing
from app.brokers.queues import find as find_queue
from app.brokers.workers import Answers, ForeignWorker, ask, heard

__all__ = [
    "Answers",
    "ForeignQueue",
    "ForeignRun",
    "ForeignWorker",
    "Place",
    "all_places",
    "allow",
    "ask",
    "connections",
    "events",
    "find",
    "find_queue",
    "forbid",
    "heard",
    "in_hand",
    "in_hand_count",
    "line",
    "listeners",
    "listing",
    "move",
    "purge",
    "remove",
    "reprioritise",
    "restore",
    "revoke",
    "send_events",
    "send_to",
]
