"""Queues: what waits in them, in which order, and everything that people do about it."""

from app.queues.actions import Change, hold, move, nudge, put_back, release, remove, reprioritise, send_to
from app.queues.bulk import MOST, Outcome, apply
from app.queues.details import Queue, find, held_in_all, listing
from app.queues.discovery import names
from app.queues.messages import Waiting, held, line, one, tasks_at_front
from app.queues.queue_modes import hold_new, pause, purge, release_all, restore, resume, stop_holding_new
from app.queues.trends import SPAN, Sampler, Trend, history, tendency

__all__ = [
    "MOST",
    "SPAN",
    "Change",
    "Outcome",
    "Queue",
    "Sampler",
    "Trend",
    "Waiting",
    "apply",
    "find",
    "held",
    "held_in_all",
    "history",
    "hold",
    "hold_new",
    "line",
    "listing",
    "move",
    "names",
    "nudge",
    "one",
    "pause",
    "purge",
    "put_back",
    "release",
    "release_all",
    "remove",
    "reprioritise",
    "restore",
    "resume",
    "send_to",
    "stop_holding_new",
    "tasks_at_front",
    "tendency",
]
