"""Who consumes from a broker of another app: what its workers answer, and what their heartbeats say.

A question is a message of Celery's remote control. The workers answer to a list that is read until it is
empty: nothing is bound or declared for it, so nothing of it stays.
"""

import json
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from typing import Any
from uuid import uuid4

from amqp.exceptions import NotFound as NoExchange
from flask import current_app
from kombu.entity import Exchange, Queue
from kombu.messaging import Producer

from app import broker
from app.broker.connection import reaches_broker
from app.brokers import rabbitmq
from app.brokers.places import Place

COMMANDS = ("stats", "active_queues", "active", "reserved")
PATIENCE_SECONDS = 1.0  # for all answers; a worker of the pool solo gives none while it works
POLL_SECONDS = 0.02
KEPT_SECONDS = 10.0
SILENT_SECONDS = 30.0
OWED_SECONDS = 3600.0
HEARD = "celeriac:heard:"  # hash: worker of an app → its last heartbeat
OWED = "celeriac:owed-answers:"  # hash: list that late answers may still come to → since when
_PIDBOX = Exchange("celery.pidbox", type="fanout", durable=False, delivery_mode="transient")
_EXTENSION = "foreign_workers"


@dataclass(frozen=True)
class ForeignWorker:
    """A worker of another app: its answers, when it `answered`; `heard_at` by its heartbeats."""

    hostname: str
    answered: bool = False
    queues: tuple[str, ...] = ()
    running: tuple[tuple[str, str], ...] = ()
    reserved: tuple[str, ...] = ()
    pool: str = ""
    slots: int | None = None
    versions: Mapping[str, str] = field(default_factory=dict)
    heard_at: datetime | None = None
    active: int | None = None
    processed: int | None = None

    @property
    def sources(self) -> list[str]:
        """Where what is said of it is from."""
        return [
            *(["inspect"] if self.answered else []),
            *(["worker-heartbeat"] if self.heard_at else []),
        ]


@dataclass(frozen=True)
class Answers:
    """What the workers said, and when they were asked."""

    workers: tuple[ForeignWorker, ...]
    asked_at: datetime

    def consumers(self, queue: str) -> list[str]:
        """The workers that say they take from a queue."""
        return [one.hostname for one in self.workers if queue in one.queues]

    def holder(self, run_id: str) -> str:
        """The worker that says it has a run; empty when none does."""
        for one in self.workers:
            if run_id in one.reserved or any(run_id == found for found, _ in one.running):
                return one.hostname
        return ""


def ask(place: Place, now: datetime) -> Answers:
    """The workers of an app: those that answer now, or did within ten seconds, and those that are heard.

    Raises `BrokerUnavailable`.
    """
    kept = current_app.extensions.setdefault(_EXTENSION, {})
    until, said, asked_at = kept.get(place.name, (0.0, {}, now))
    if time.monotonic() >= until:
        said, asked_at = rabbitmq.asked(place, lambda connection: _asked(connection, place, now)), now
        kept[place.name] = time.monotonic() + KEPT_SECONDS, said, now
    beats = heard(place, now)
    names = sorted({*said, *beats})
    return Answers(tuple(_worker(name, said.get(name), beats.get(name)) for name in names), asked_at)


@reaches_broker
def heard(place: Place, now: datetime) -> dict[str, dict[str, Any]]:
    """The heartbeats of the last half minute, by worker; `app.brokers.listening` writes them down."""
    raw: Any = broker.client().hgetall(HEARD + place.name)
    read = {name.decode("utf-8", "replace"): json.loads(value) for name, value in raw.items()}
    return {name: beat for name, beat in read.items() if now.timestamp() - beat["at"] <= SILENT_SECONDS}


@reaches_broker
def forget_late_answers(place: Place, now: datetime) -> None:
    """Take away what came when nobody waited for it any more."""
    client = broker.client()
    owed: Any = client.hgetall(OWED + place.name)
    for name, since in owed.items():
        rabbitmq.asked(place, partial(_drain, name.decode()))
        if now.timestamp() - float(since) > OWED_SECONDS:
            client.hdel(OWED + place.name, name)


def _asked(connection: Any, place: Place, now: datetime) -> dict[str, dict[str, Any]]:
    """What each worker answered to each question, by its name."""
    target = f"celeriac.answers.{uuid4().hex}"
    channel = connection.default_channel
    known = set(heard(place, now))
    if place.on_redis:
        broker.client().hset(OWED + place.name, target, repr(now.timestamp()))
    else:
        channel.queue_declare(target, exclusive=True, auto_delete=True, durable=False)
        if not _has_remote_control(connection):
            return {}
    tickets = {_send(channel, command, target): command for command in COMMANDS}
    said: dict[str, dict[str, Any]] = {}
    deadline = time.monotonic() + PATIENCE_SECONDS
    complete = False
    while not complete and time.monotonic() < deadline:
        for ticket, answer in _answers(connection, target):
            for hostname, value in answer.items():
                said.setdefault(str(hostname), {})[tickets.get(ticket, "")] = value
        complete = bool(known) and all(len(said.get(name, ())) == len(COMMANDS) for name in known)
        time.sleep(0 if complete else POLL_SECONDS)
    if place.on_redis and complete:
        broker.client().hdel(OWED + place.name, target)
    return said


def command(place: Place, name: str, **arguments: Any) -> None:
    """Have every worker of an app do something, without an answer. Raises `BrokerUnavailable`."""

    def send(connection: Any) -> None:
        if place.on_redis or _has_remote_control(connection):
            _send(connection.default_channel, name, "", **arguments)

    rabbitmq.asked(place, send)


def queues_told(place: Place) -> frozenset[str]:
    """The queues that its workers named when they were last asked."""
    said = current_app.extensions.get(_EXTENSION, {}).get(place.name, (0.0, {}))[1]
    return frozenset(queue for name, one in said.items() for queue in _worker(name, one, None).queues)


def _send(channel: Any, command: str, target: str, **arguments: Any) -> str:
    """Publish a command, whose answers go to the queue `target`; returns the ticket they bear."""
    ticket = uuid4().hex
    reply = {"ticket": ticket, "reply_to": {"exchange": "", "routing_key": target}} if target else {}
    message: dict[str, Any] = {
        "method": command,
        "arguments": arguments,
        "destination": None,
        "pattern": None,
        "matcher": None,
    }
    declared = [] if channel.connection.client.transport_cls == "amqp" else [_PIDBOX]
    Producer(channel).publish(
        message | reply,
        exchange=_PIDBOX.name,
        declare=declared,
        headers={"clock": 0, "expires": time.time() + PATIENCE_SECONDS},
        serializer="json",
        retry=False,
    )
    return ticket


def _answers(connection: Any, target: str) -> Iterable[tuple[str, dict[str, Any]]]:
    """What lies in the list of answers, taken out of it."""
    queue: Any = Queue(target)(connection.default_channel)
    message = queue.get(no_ack=True, accept=["json"])
    while message is not None:
        if isinstance(message.payload, dict):
            yield str(message.headers.get("ticket")), message.payload
        message = queue.get(no_ack=True, accept=["json"])


def _drain(target: str, connection: Any) -> None:
    for _ in _answers(connection, target):
        pass


def _has_remote_control(connection: Any) -> bool:
    try:
        with connection.channel() as channel:
            channel.exchange_declare(_PIDBOX.name, "fanout", passive=True)
    except NoExchange:
        return False
    return True


def _worker(name: str, said: dict[str, Any] | None, beat: dict[str, Any] | None) -> ForeignWorker:
    said, beat = said or {}, beat or {}
    stats = said.get("stats") if isinstance(said.get("stats"), dict) else {}
    pool: dict[str, Any] = (stats or {}).get("pool") or {}
    at = beat.get("at")
    return ForeignWorker(
        hostname=name,
        answered=bool(said),
        queues=tuple(sorted(str(one.get("name")) for one in _list(said, "active_queues"))),
        running=tuple((str(one.get("id")), str(one.get("name"))) for one in _list(said, "active")),
        reserved=tuple(str(one.get("id")) for one in _list(said, "reserved")),
        pool=str(pool.get("implementation") or "").rpartition(":")[0].rpartition(".")[2],
        slots=pool.get("max-concurrency"),
        versions={"celery": str(beat["version"])} if beat.get("version") else {},
        heard_at=None if at is None else datetime.fromtimestamp(at, UTC),
        active=beat.get("active"),
        processed=beat.get("processed"),
    )


def _list(said: Mapping[str, Any], command: str) -> list[dict[str, Any]]:
    value = said.get(command)
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []
