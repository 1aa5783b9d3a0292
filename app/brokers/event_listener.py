"""Hears the events of another app's workers: heartbeats, and what becomes of tasks where they are told.

Subscribing writes nothing to their Redis. What is heard is kept in ours. Where changes are allowed, what the
workers that obey died with is put right, and what came past a hold.
"""

import base64
import json
import logging
import threading
import time
from collections.abc import Callable
from datetime import datetime
from typing import Any

import redis
from flask import Flask

from app import broker
from app.broker.connection import reaches_broker
from app.brokers import places, queues, workers
from app.brokers.deaths import Deaths
from app.brokers.modes import HeldRuns
from app.brokers.places import Place
from app.clock import utcnow
from app.config import settings
from app.runs.parts import Part

EVENTS = "celeriac:events-elsewhere:"  # list: the newest events of an app's tasks, the newest first
KEPT_EVENTS = 200
KEPT_FOR_SECONDS = 3600
TURN_SECONDS = 1.0
READ_AT_MOST = 2000  # in one turn; what a busy app tells beyond that is counted and left out
LATE_SECONDS = 30.0

logger = logging.getLogger(__name__)


class Listener:
    """The ear of a recorder at one broker, in a thread of its own: one that is away keeps nobody waiting."""

    def __init__(self, app: Flask, name: str, stopped: Callable[[float], bool]) -> None:
        self._app, self._name, self._stopped = app, name, stopped
        self._heard: Any = None
        self._tidied = 0.0
        self._deaths, self._held_runs = Deaths(), HeldRuns()
        self.part = Part(f"listening to the broker of {name}", self.look, TURN_SECONDS)

    def start(self) -> None:
        """Begin, in a thread that ends with the process."""
        threading.Thread(target=self._run, name=f"celeriac-hears-{self._name}", daemon=True).start()

    def _run(self) -> None:
        while not self._stopped(TURN_SECONDS):
            self.part.take_turn(self._app, utcnow())

    def look(self, now: datetime) -> None:
        """Write down what has come since the last look. Raises `BrokerUnavailable`."""
        place = places.find(self._name)
        if not place.on_redis:
            return
        with places.at(place):
            events = self._read(place)
        if events:
            _keep(self._name, events, now)
        if place.may_change:
            self._deaths.look(place, now)
            self._held_runs.look(place, now)
        if time.monotonic() - self._tidied >= LATE_SECONDS:
            self._tidied = time.monotonic()
            workers.forget_late_answers(place, now)

    def _read(self, place: Place) -> list[dict[str, Any]]:
        events: list[dict[str, Any]] = []
        try:
            if self._heard is None:
                self._subscribe(place)
            for _ in range(READ_AT_MOST):
                message = self._heard.get_message(timeout=0)
                if message is None:
                    break
                events += _events(message["data"])
        except redis.RedisError:
            self.close()  # the next look subscribes again
            raise
        return events

    def _subscribe(self, place: Place) -> None:
        there = places.redis_of(place)
        client = redis.Redis(connection_pool=there.redis.connection_pool)
        self._heard = client.pubsub(ignore_subscribe_messages=True)
        self._heard.psubscribe(f"{there.keys.prefix}/{queues.broker_db(place)}.celeryev/*")
        self._heard.get_message(timeout=TURN_SECONDS)  # that it has subscribed

    def close(self) -> None:
        """Listen no more."""
        if self._heard is not None:
            self._heard.close()
            self._heard = None


def listeners(app: Flask, stopped: Callable[[float], bool]) -> list[Listener]:
    """One for each broker that the settings name."""
    with app.app_context():
        return [Listener(app, name, stopped) for name in sorted(settings().brokers)]


@reaches_broker
def events(place: Place, limit: int = KEPT_EVENTS) -> list[dict[str, Any]]:
    """The newest events of the app's tasks, the newest first; none where its workers send none."""
    raws: Any = broker.client().lrange(EVENTS + place.name, 0, limit - 1)
    return [json.loads(raw) for raw in raws]


@reaches_broker
def _keep(name: str, events: list[dict[str, Any]], now: datetime) -> None:
    pipe = broker.client().pipeline(transaction=False)
    for event in events:
        if event["type"] == "worker-offline":
            pipe.hdel(workers.HEARD + name, event["hostname"])
        elif event["type"].startswith("worker-"):
            beat = {"at": now.timestamp(), "version": event.get("sw_ver")}
            beat |= {key: event.get(key) for key in ("active", "processed")}
            pipe.hset(workers.HEARD + name, event["hostname"], json.dumps(beat))
    task_events = [_short(event) for event in events if event["type"].startswith("task-")]
    if task_events:
        pipe.lpush(EVENTS + name, *map(json.dumps, task_events[-KEPT_EVENTS:]))
        pipe.ltrim(EVENTS + name, 0, KEPT_EVENTS - 1)
    pipe.expire(EVENTS + name, KEPT_FOR_SECONDS)
    pipe.expire(workers.HEARD + name, KEPT_FOR_SECONDS)
    pipe.execute()


def _short(event: dict[str, Any]) -> dict[str, Any]:
    """No arguments, results or tracebacks: they are cut texts, in which no secret can be found."""
    return {name: event.get(name) for name in ("type", "uuid", "name", "hostname", "timestamp", "runtime")}


def _events(raw: Any) -> list[dict[str, Any]]:
    """The events in a message of kombu's, which may hold several; none of anything else."""
    try:
        body = json.loads(base64.b64decode(json.loads(raw)["body"]))
    except (ValueError, KeyError, TypeError, RecursionError):
        return []
    several = body if isinstance(body, list) else [body]
    return [event for event in several if isinstance(event, dict) and _is_event(event)]


def _is_event(event: dict[str, Any]) -> bool:
    return isinstance(event.get("type"), str) and isinstance(event.get("hostname"), str)
