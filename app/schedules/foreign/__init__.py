"""Schedules of other schedulers: read where they are, shown beside what they would be here, taken over."""

from app.schedules.foreign.entries import Entry, Reading, Unreadable
from app.schedules.foreign.fires import fires_here, next_fires
from app.schedules.foreign.sources import KINDS, Source, by_id, of_url, read, sources
from app.schedules.foreign.takeover import (
    Proposal,
    Waiting,
    propose,
    require_stopped,
    stopped,
    take_over,
    waiting,
)

__all__ = [
    "KINDS",
    "Entry",
    "Proposal",
    "Reading",
    "Source",
    "Unreadable",
    "Waiting",
    "by_id",
    "fires_here",
    "next_fires",
    "of_url",
    "propose",
    "read",
    "require_stopped",
    "sources",
    "stopped",
    "take_over",
    "waiting",
]
