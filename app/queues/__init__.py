"""Queues: what waits in them, in which order, and everything that people do about it."""

from app.queues.actions import (
    MessageChange,
    hold,
    move,
    nudge,
    release,
    remove,
    reprioritise,
    send_to,
    undo_move,
)
from app.queues.bulk import MOST, apply
from app.queues.details import Queue, find, held_in_all, listing
from app.queues.diagnosis import Diagnosis, diagnose
from app.queues.discovery import names
from app.queues.filters import Found, WaitingFilter, search
from app.queues.forecast import (
    ENOUGH,
    SAMPLED_AHEAD,
    Consumer,
    Forecast,
    ServiceRate,
    estimated_start,
    seconds_ahead,
    service_rates,
)
from app.queues.messages import Waiting, begin_at, find_message, find_waiting, held, line, tasks_at_front
from app.queues.queue_modes import hold_new, pause, purge, release_all, restore, resume, stop_holding_new
from app.queues.rates import Rates
from app.queues.redelivery import resend
from app.queues.trends import SPAN, Sampler, Trend, history, tendency
from app.queues.why import why

__all__ = [
    "ENOUGH",
    "MOST",
    "SAMPLED_AHEAD",
    "SPAN",
    "Consumer",
    "Diagnosis",
    "Forecast",
    "Found",
    "MessageChange",
    "Queue",
    "Rates",
    "Sampler",
    "ServiceRate",
    "Trend",
    "Waiting",
    "WaitingFilter",
    "apply",
    "begin_at",
    "diagnose",
    "estimated_start",
    "find",
    "find_message",
    "find_waiting",
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
    "pause",
    "purge",
    "release",
    "release_all",
    "remove",
    "reprioritise",
    "resend",
    "restore",
    "resume",
    "search",
    "seconds_ahead",
    "send_to",
    "service_rates",
    "stop_holding_new",
    "tasks_at_front",
    "tendency",
    "undo_move",
    "why",
]
