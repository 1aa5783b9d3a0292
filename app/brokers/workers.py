"""Who consumes from a broker of another app: what its workers answer, and what their heartbeats say.

A question is a message of Celery's remote control: see `app.broker.pidbox`.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from flask import current_app

from app import broker
from app.broker import WorkerPause, pidbox
from app.broker.connection import reaches_broker
from app.brokers import places
from app.brokers.places import Place
from app.short_cache import cached, forget, last

COMMANDS = ("stats", "active_queues", "active", "reserved")
CACHED_SECONDS = 10.0
SILENT_SECONDS = 30.0
STOPPED = "celeriac:stopped-elsewhere:"  # hash: worker that takes from no queue → who said so, and its queues
HEARD = "celeriac:heard:"  # hash: worker of an app → its last heartbeat


@dataclass(frozen=True)
class ForeignWorker:
    """A worker of another app: its answers, when it `answered`; `heard_at` by its heartbeats."""

    hostname: str
    answered: bool = False
    queues: tuple[str, ...] = ()
    running: tuple[Mapping[str, Any], ...] = ()  # as of our own: id, task, started_at (epoch seconds)
    reserved: tuple[str, ...] = ()
    pool: str = ""
    slots: int | None = None
    pid: int | None = None
    versions: Mapping[str, str] = field(default_factory=dict)
    heard_at: datetime | None = None
    active: int | None = None
    processed: int | None = None
    autoscale: tuple[int, int] | None = None  # fewest and most slots, where it scales by itself
    consumed: tuple[Mapping[str, str], ...] = ()  # its queues, as `add_consumer` takes them
    pause: WorkerPause | None = None

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
        return [worker.hostname for worker in self.workers if queue in worker.queues]

    def holder(self, run_id: str) -> str:
        """The worker that says it has a run; empty when none does."""
        for worker in self.workers:
            if run_id in worker.reserved or run_id in (run["id"] for run in worker.running):
                return worker.hostname
        return ""


def ask(place: Place, now: datetime) -> Answers:
    """The workers of an app: those that answer now, or did within ten seconds, and those that are heard.

    Raises `BrokerUnavailable`.
    """
    said, asked_at = cached(_cached_as(place.name), lambda: (_asked(place, now), now), CACHED_SECONDS)
    beats, pauses = heard(place, now), _pauses(place, said)
    names = sorted({*said, *beats})
    answering = (_worker(name, said.get(name), beats.get(name), pauses.get(name)) for name in names)
    return Answers(tuple(answering), asked_at)


def ask_one(place: Place, hostname: str, now: datetime) -> ForeignWorker | None:
    """One worker as it answers now; None when it does not. Raises `BrokerUnavailable`."""
    questions: pidbox.Commands = {name: {} for name in COMMANDS}

    def ask_it(connection: Any) -> dict[str, dict[str, Any]]:
        return pidbox.ask(connection, place.name, questions, now, [hostname], True)

    answers = pidbox.over(place.url, place.options, ask_it)
    said, pause = answers.get(hostname), _pauses(place, answers).get(hostname)
    return _worker(hostname, said, heard(place, now).get(hostname), pause) if said else None


def forget_answers(name: str) -> None:
    """Ask anew at once."""
    forget(current_app, _cached_as(name))


def _cached_as(name: str) -> str:
    return f"workers of {name}"


@reaches_broker
def stopped(place: Place) -> dict[str, dict[str, Any]]:
    """The workers that were told to take from no queue, by name, with those that they took from."""
    raw: Any = broker.client().hgetall(STOPPED + place.name)
    return {name.decode("utf-8", "replace"): json.loads(value) for name, value in raw.items()}


def _pauses(place: Place, said: Mapping[str, dict[str, Any]]) -> dict[str, WorkerPause]:
    """Those that obey until they are resumed, and those that were told to stop and did not restart since."""
    pauses_by_name = {
        name: WorkerPause(name, one["by"], datetime.fromtimestamp(one["at"], UTC), one["note"])
        for name, one in stopped(place).items()
        if not _list(said.get(name, {}), "active_queues")
    }
    with places.modes_at(place):
        return pauses_by_name | broker.paused_workers()


@reaches_broker
def heard(place: Place, now: datetime) -> dict[str, dict[str, Any]]:
    """The heartbeats of the last half minute, by worker; `app.brokers.event_listener` writes them down."""
    raw: Any = broker.client().hgetall(HEARD + place.name)
    read = {name.decode("utf-8", "replace"): json.loads(value) for name, value in raw.items()}
    return {name: beat for name, beat in read.items() if now.timestamp() - beat["at"] <= SILENT_SECONDS}


def forget_late_answers(place: Place, now: datetime) -> None:
    """Take away what came when nobody waited for it any more. Raises `BrokerUnavailable`."""
    pidbox.forget_late_answers(place.name, place.url, place.options, now)


def _asked(place: Place, now: datetime) -> dict[str, dict[str, Any]]:
    """What each worker answered to each question, by its name."""
    questions: pidbox.Commands = {name: {} for name in COMMANDS}
    known = set(heard(place, now))

    def ask_all(connection: Any) -> dict[str, dict[str, Any]]:
        return pidbox.ask(connection, place.name, questions, now, known)

    return pidbox.over(place.url, place.options, ask_all)


def command(place: Place, name: str, **arguments: Any) -> None:
    """Have every worker of an app do something, without an answer. Raises `BrokerUnavailable`."""
    pidbox.over(place.url, place.options, lambda connection: pidbox.tell(connection, name, **arguments))


def queues_told(place: Place) -> frozenset[str]:
    """The queues that its workers named when they were last asked."""
    said, _asked_at = last(_cached_as(place.name)) or ({}, None)
    return frozenset(queue for name, answer in said.items() for queue in _worker(name, answer, None).queues)


def _worker(
    name: str,
    said: dict[str, Any] | None,
    beat: dict[str, Any] | None,
    pause: WorkerPause | None = None,
) -> ForeignWorker:
    said, beat = said or {}, beat or {}
    stats: dict[str, Any] = said["stats"] if isinstance(said.get("stats"), dict) else {}
    pool: dict[str, Any] = stats.get("pool") or {}
    scaler: dict[str, Any] = stats.get("autoscaler") or {}
    processes, at = pool.get("processes"), beat.get("at")
    return ForeignWorker(
        hostname=name,
        answered=bool(said),
        queues=tuple(sorted(str(entry.get("name")) for entry in _list(said, "active_queues"))),
        running=tuple(
            {"id": str(run.get("id")), "task": str(run.get("name")), "started_at": run.get("time_start")}
            for run in _list(said, "active")
        ),
        reserved=tuple(str(entry.get("id")) for entry in _list(said, "reserved")),
        pool=str(pool.get("implementation") or "").rpartition(":")[0].rpartition(".")[2],
        slots=len(processes) if isinstance(processes, list) else pool.get("max-concurrency"),
        pid=stats.get("pid"),
        versions={"celery": str(beat["version"])} if beat.get("version") else {},
        heard_at=None if at is None else datetime.fromtimestamp(at, UTC),
        active=beat.get("active"),
        processed=beat.get("processed"),
        autoscale=(int(scaler["min"]), int(scaler["max"])) if {"min", "max"} <= scaler.keys() else None,
        consumed=tuple(map(_consumed, _list(said, "active_queues"))),
        pause=pause,
    )


def _consumed(queue: Mapping[str, Any]) -> dict[str, str]:
    exchange = queue.get("exchange") or {}
    facts = {
        "queue": queue.get("name"),
        "exchange": exchange.get("name"),
        "exchange_type": exchange.get("type"),
    }
    facts |= {"routing_key": queue.get("routing_key")}
    return {name: str(value) for name, value in facts.items() if value}


def _list(said: Mapping[str, Any], command: str) -> list[dict[str, Any]]:
    value = said.get(command)
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []
