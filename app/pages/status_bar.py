"""What stands at the foot of the sidebar: whether broker, scheduler and events are all right, in a word each.

All of it is what these processes last told in Redis; it is cached for seconds for all pages of a process.
"""

import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from flask_babel import gettext as _
from flask_babel import ngettext

from app import broker, heartbeats, schedules
from app.broker.dead_letters import SetAside, counted
from app.errors import BrokerUnavailable, NotFound
from app.heartbeats import Beat, RecorderStatus
from app.short_cache import cached

CACHED_AS = "status bar"
CACHED_SECONDS = 2.0
SLOW_FACTOR = 5  # a server that hangs is asked more rarely
SLOW_SECONDS = 0.25
BEHIND_SECONDS = 5.0
LATELY = timedelta(hours=1)

Amount = Callable[[float], str]


@dataclass(frozen=True)
class SystemStatus:
    """What was last heard; None where Redis (or for `broker_seconds` RabbitMQ) did not answer."""

    broker_seconds: float | None
    beats: list[Beat] | None
    unfired: int
    recorders: list[RecorderStatus] | None
    aside: SetAside | None = None


@dataclass(frozen=True)
class Indicator:
    """One line: `kind` is "" when all is well, else the state ("late", "failed") of its icon and colour."""

    label: str
    kind: str
    word: str
    detail: str
    endpoint: str


def indicators(now: datetime, amount: Amount) -> list[Indicator]:
    """Broker, scheduler, events; it never fails for Redis or RabbitMQ.

    `amount` gives the viewer's words for a number of seconds.
    """
    status = _status(now)
    return [_broker(status), _scheduler(status, now, amount), _events(status, now, amount)]


def _status(now: datetime) -> SystemStatus:
    unknown = SystemStatus(None, None, 0, None)
    return cached(CACHED_AS, lambda: _read(now), CACHED_SECONDS, SLOW_FACTOR, instead=unknown)


def _read(now: datetime) -> SystemStatus:
    client = broker.client()
    seconds = _seconds()
    beats, recorders, set_aside = None, None, None
    if seconds is not None or broker.capabilities().apart:
        with suppress(BrokerUnavailable, NotFound):
            beats, recorders = heartbeats.beats(client, now), heartbeats.recorders(client, now)
            set_aside = counted(client)
    return SystemStatus(seconds, beats, schedules.unfired_count(now), recorders, set_aside)


def _seconds() -> float | None:
    """How long the broker takes to answer; None when it does not."""
    started = time.perf_counter()
    try:
        broker.ping()
    except BrokerUnavailable:
        return None
    return time.perf_counter() - started


def _broker(status: SystemStatus) -> Indicator:
    label, name = _("Broker"), broker.capabilities().name
    if status.broker_seconds is None:
        detail = _("%(name)s does not answer. What was queued is not lost.", name=name)
        return Indicator(label, "failed", _("No answer"), detail, "queues.index")
    milliseconds = max(1, round(status.broker_seconds * 1000))
    slow = status.broker_seconds > SLOW_SECONDS
    detail = _("%(name)s answered in %(ms)s ms", name=name, ms=milliseconds)
    word = _("%(name)s, %(ms)s ms", name=name, ms=milliseconds)
    return Indicator(label, "late" if slow else "", word, detail, "queues.index")


def _scheduler(status: SystemStatus, now: datetime, amount: Amount) -> Indicator:
    label, to = _("Scheduler"), "schedules.index"
    if status.beats is None:
        return Indicator(label, "late", _("Unknown"), _("Redis does not answer."), to)
    alive = [beat.name for beat in status.beats if beat.alive]
    if not alive:
        detail = _("No beat is at work, so no schedule fires.")
        last_heard = [beat.tick_at for beat in status.beats]
        return _silent(Indicator(label, "failed", "", detail, to), last_heard, now, amount)
    if status.unfired:
        detail = ngettext(
            "%(num)d schedule is due for more than a minute, and beat has not fired it",
            "%(num)d schedules are due for more than a minute, and beat has not fired them",
            status.unfired,
        )
        return Indicator(label, "late", _("%(n)s late", n=status.unfired), detail, to)
    return Indicator(label, "", _("On time"), _("At work: %(names)s", names=", ".join(alive)), to)


def _events(status: SystemStatus, now: datetime, amount: Amount) -> Indicator:
    label, to = _("Events"), "runs.index"
    if status.recorders is None:
        return Indicator(label, "late", _("Unknown"), _("Redis does not answer."), to)
    alive = [word for word in status.recorders if word.alive]
    if not alive:
        detail = _("No recorder is at work: what happens is recorded when one runs again.")
        last_heard = [word.heartbeat_at for word in status.recorders]
        return _silent(Indicator(label, "failed", "", detail, to), last_heard, now, amount)
    behind = alive[0].behind_seconds  # the latest word
    if behind > BEHIND_SECONDS:
        detail = _("The history is %(amount)s behind what happens.", amount=amount(behind))
        return Indicator(label, "late", _("%(amount)s behind", amount=amount(behind)), detail, to)
    if status.aside and status.aside.last_at and now - status.aside.last_at < LATELY:
        detail = _(
            "%(n)s could not be worked with, whole or in part, and were set aside, the last one: %(why)s",
            n=status.aside.total,
            why=status.aside.last_why,
        )
        return Indicator(label, "late", _("%(n)s set aside", n=status.aside.total), detail, to)
    number = sum(word.per_minute for word in alive)
    detail = _(
        "Events recorded in the last minute: %(n)s. At work: %(names)s",
        n=number,
        names=", ".join(sorted(word.name for word in alive)),
    )
    return Indicator(label, "", _("%(n)s / min", n=number), detail, to)


def _silent(indicator: Indicator, last_heard: list[datetime], now: datetime, amount: Amount) -> Indicator:
    """The sign of a process that is not at work, with its word: since when, where one was ever heard of."""
    if not last_heard:
        return replace(indicator, word=_("Not running"))
    silent = amount((now - max(last_heard)).total_seconds())
    return replace(indicator, word=_("Silent %(amount)s", amount=silent))
