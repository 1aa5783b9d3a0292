"""The recorder: reads the durable stream in batches and writes history; sends what was not sent."""

import contextlib
import logging
import os
import signal
import socket
import threading
import time
from collections.abc import Callable
from datetime import datetime
from typing import Any

import redis
from flask import Flask
from kombu.exceptions import OperationalError as BrokerDown
from sqlalchemy.exc import DBAPIError, OperationalError

from app import broker, catalog, queues, workers
from app.broker import topics
from app.celery.reader import Entry, EventReader
from app.clock import utcnow
from app.errors import BrokerUnavailable
from app.runs import history, many, outbox, telling
from app.runs.telling import RECORDERS

BATCH = 1000
BLOCK_MS = 500
SWEEP_SECONDS = 1.0
STALE_SECONDS = 15.0
DEATHS_SECONDS = 5.0
LAG_SECONDS = 2.0  # less than the outbox's patience
BACK_OFF_SECONDS = (0.2, 0.5, 1.0, 2.0)
TELL_SECONDS = 1.0

logger = logging.getLogger(__name__)


class Recorder:
    """One recorder process; any number may run beside each other."""

    def __init__(self, app: Flask, client: redis.Redis, name: str | None = None) -> None:
        self.app = app
        self.name = name or f"{socket.gethostname()}-{os.getpid()}"
        self._redis = client
        self._celery = app.extensions["celery"]
        self._reader = EventReader(client, self.name)
        self._keeper, self._sampler = queues.Keeper(), queues.Sampler()
        self._stop = threading.Event()
        self._swept = self._claimed = self._looked = self._told = 0.0
        self._minute = telling.Minute()
        self._recorded = self._failures = 0

    def run(self) -> None:
        """Work until told to stop (SIGTERM, SIGINT); outages of Redis or the database are waited out."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: self._stop.set())
        while not self._stop.is_set():
            self._stop.wait(self.turn(utcnow()))
        with contextlib.suppress(redis.RedisError):  # it is gone anyway once its last word is old
            self._redis.hdel(RECORDERS, self.name)

    def turn(self, now: datetime) -> float:
        """One turn of `run`: a batch, and what is due when there is no more; returns the seconds to wait."""
        try:
            if self._failures or not self._swept:
                self._reader.join()
            recorded = self.step()
            with self.app.app_context():
                self._sampler.look(now)
            self.tell()
            if recorded < BATCH:
                self.sweep(now)
            self._failures = 0
            return 0.0
        except (redis.RedisError, OperationalError, BrokerUnavailable, BrokerDown) as error:
            delay = BACK_OFF_SECONDS[min(self._failures, len(BACK_OFF_SECONDS) - 1)]
            self._failures += 1
            logger.warning("the recorder waits %s s: %s", delay, _first_line(error))
            self._reader.reread()
            return delay

    def step(self, block_ms: int = BLOCK_MS) -> int:
        """Read and record one batch, waiting at most `block_ms` for it; returns how many events it had."""
        with self.app.app_context():
            self._note_gap()
            entries = self._reader.read(BATCH, block_ms)
            if not entries and time.monotonic() - self._claimed > STALE_SECONDS:
                self._claimed = time.monotonic()
                entries = self._reader.claim_stale(BATCH)
            if entries:
                self._record(entries)
            return len(entries)

    def tell(self) -> None:
        """Say about once a second that this recorder works and how far it is, also when it has much to do."""
        at = time.monotonic()
        if at - self._told < TELL_SECONDS:
            return
        self._told = at
        per_minute, behind = self._minute.count(at), self._reader.lag_seconds()
        telling.tell(self._redis, self.name, self._recorded, per_minute, behind)

    def sweep(self, now: datetime) -> None:
        """Send what is due and put dead workers' runs right, not more than once a second.

        Only when all recorders together keep up: a message whose event is not recorded yet would look as if
        it had never been sent.
        """
        if time.monotonic() - self._swept < SWEEP_SECONDS:
            return
        self._swept = time.monotonic()
        if self._reader.lag_seconds() > LAG_SECONDS:
            return
        with self.app.app_context():
            changed = outbox.sweep(self._celery, now) > 0
            self._keeper.look(now)
            many.look_after(self._celery, now)
            if time.monotonic() - self._looked > DEATHS_SECONDS:
                self._looked = time.monotonic()
                outcome = workers.put_right(self._redis, now)
                ids = [f"run:{run_id}" for run_id in (*outcome.given_back, *outcome.lost)]
                topics.touch(self._redis, ids)
                changed = changed or bool(ids)
            if changed:
                topics.touch(self._redis, ["runs"])

    def _record(self, entries: list[Entry]) -> None:
        try:
            touched = history.record([entry.event for entry in entries], self._mask)
        except OperationalError:
            raise
        except (DBAPIError, ValueError, KeyError, TypeError, OverflowError):
            touched = self._record_singly(entries)
        self._reader.acknowledge(entries)
        self._recorded += len(entries)
        self._minute.add(len(entries), time.monotonic())
        topics.touch(self._redis, ["runs", *(f"run:{run_id}" for run_id in touched)])

    def _record_singly(self, entries: list[Entry]) -> list[str]:
        """Find the event that the batch failed on: it is set aside, the others are recorded."""
        touched = []
        for entry in entries:
            try:
                touched += history.record([entry.event], self._mask)
            except OperationalError:
                raise
            except (DBAPIError, ValueError, KeyError, TypeError, OverflowError):
                logger.exception("an event cannot be recorded and is set aside: %s", entry.id)
                self._reader.set_aside(entry)
        return touched

    def _note_gap(self) -> None:
        if gap := self._reader.gap():
            logger.error("events from %s to %s were lost: the stream reached its cap", *gap)
            history.record_gap(*gap, utcnow())

    def _mask(self, task_name: str, args: Any, kwargs: Any) -> tuple[Any, Any, list[str]]:
        return catalog.mask(catalog.lookup(self._celery, task_name), args, kwargs)


def _first_line(error: Exception) -> str:
    return str(error).partition("\n")[0]


def main(app: Flask, make_client: Callable[[], redis.Redis] | None = None) -> None:
    """Entry point of `flask --app wsgi recorder`."""
    with app.app_context():
        client = (make_client or broker.client)()
    logger.info("recorder %s is up", f"{socket.gethostname()}-{os.getpid()}")
    Recorder(app, client).run()
