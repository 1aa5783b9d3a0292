"""The brokers of other apps that `CELERIAC_BROKERS` names: looked at, and changed where that is allowed."""

from app.brokers.commands import revoke, send_events
from app.brokers.event_listener import events, listeners
from app.brokers.management import Management, management
from app.brokers.modes import held, modes
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
from app.brokers.sites import site
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
    "in_hand",
    "in_hand_count",
    "line",
    "listeners",
    "listing",
    "management",
    "modes",
    "revoke",
    "send_events",
    "site",
]
