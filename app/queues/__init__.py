"""Queues: what waits in them, in which order, and everything that people do about it."""

from app.queues.actions import Change, hold, move, nudge, put_back, release, remove, reprioritise, send_to
from app.queues.bulk import MOST, apply
from app.queues.details import Queue, find, held_in_all, listing
from app.queues.diagnosis import Diagnosis, diagnose
from app.queues.discovery import names
from app.queues.forecast import (
    ENOUGH,
    LOOKED_AHEAD,
    Consumer,
    Forecast,
    Pace,
    paces,
    seconds_ahead,
    starts_at,
)
from app.queues.messages import Waiting, held, line, one, tasks_at_front
from app.queues.queue_modes import hold_new, pause, purge, release_all, restore, resume, stop_holding_new
from app.queues.rates import Rates
from app.queues.redelivery import resend
from app.queues.trends import SPAN, Sampler, Trend, history, tendency
from app.queues.why import why

__all__ = [
    "ENOUGH",
    "LOOKED_AHEAD",
    "MOST",
    "SPAN",
    "Change",
    "Consumer",
    "Diagnosis",
    "Forecast",
    "Pace",
    "Queue",
    "Rates",
    "Sampler",
    "Trend",
    "Waiting",
    "apply",
    "diagnose",
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
    "paces",
    "pause",
    "purge",
    "put_back",
    "release",
    "release_all",
    "remove",
    "reprioritise",
    "resend",
    "restore",
    "resume",
    "seconds_ahead",
    "send_to",
    "starts_at",
    "stop_holding_new",
    "tasks_at_front",
    "tendency",
    "why",
]
