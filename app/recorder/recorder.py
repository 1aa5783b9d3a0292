"""The recorder: reads the durable stream in batches and writes history; sends what was not sent."""

import contextlib
import logging
import os
import signal
import socket
import threading
import time
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import redis
from flask import Flask

from app import broker, brokers, catalog, files, heartbeats, queues, workers
from app.alerts.watch import Watch
from app.broker import heartbeats as hashes
from app.broker import starts, topics, wakeups
from app.clock import utcnow
from app.config import settings
from app.heartbeats import recorder as heartbeat
from app.heartbeats.beat import BeatEntry
from app.heartbeats.recorder import RecorderEntry
from app.heartbeats.strangers import Listener
from app.heartbeats.worker import AppWorkerEntry, WorkerEntry
from app.recorder import catalogs, held_runs
from app.recorder.stream import ALIVE_SECONDS, Entry, EventReader
from app.runs import adoption, bulk, history, history_gaps, outbox
from app.runs.failures import inbox
from app.runs.parts import Part, first_line, is_outage
from celeriac_agent.presence import CATALOG_CHANNEL

BATCH = 1000
BLOCK_MS = 1000
SWEEP_SECONDS = 1.0
# While nothing is recorded or sent there is little to sweep; a sender that died is found a second later.
QUIET_AFTER_SECONDS, QUIET_SECONDS = 10.0, 2.0
CLAIM_SECONDS = 1.0
DEATHS_SECONDS = 5.0
LAG_SECONDS = 2.0  # less than the outbox's patience
BACK_OFF_SECONDS = (0.2, 0.5, 1.0, 2.0)
HEARTBEAT_SECONDS = 1.0
OTHER_APP_SECONDS = 1.0
STRANGERS_SECONDS = 5.0
CATALOGS_SECONDS = 1.0
LISTEN_AGAIN_SECONDS = 2.0
MADE_GOOD_SECONDS = 5.0
GONE_SECONDS = 60.0
_HEARTBEATS = (
    (hashes.WORKERS, WorkerEntry),
    (hashes.APP_WORKERS, AppWorkerEntry),
    (hashes.BEATS, BeatEntry),
    (hashes.RECORDERS, RecorderEntry),
)

logger = logging.getLogger(__name__)


class Recorder:
    """One recorder process; any number may run beside each other."""

    def __init__(self, app: Flask, client: redis.Redis, name: str | None = None) -> None:
        self.app = app
        self.name = name or f"{socket.gethostname()}-{os.getpid()}"
        self._redis = client
        self._reader = EventReader(client, self.name)
        with app.app_context():
            self._newcomers = broker.newcomers()
        self._strangers = Listener()
        self._sampler = Part("sampling of queues", queues.Sampler().tick, 0.0)
        self._catalogs = catalogs.Reader()
        self._parts = [
            Part("sending", self._send, SWEEP_SECONDS),
            Part("looking for other apps' workers", self._poll_strangers, STRANGERS_SECONDS),
            Part("reading of workers' tasks", self._catalogs.poll, CATALOGS_SECONDS),
            Part("adoption of what others send", self._adopt, SWEEP_SECONDS),
            Part("keeping of held runs", held_runs.HeldRunSync().tick, SWEEP_SECONDS),
            Part("changes of many runs", self._resume_bulks, SWEEP_SECONDS),
            Part("noticing what was made good", self._settle, MADE_GOOD_SECONDS),
            Part("forgetting what made files that are gone", self._forget_gone, GONE_SECONDS),
            Part("putting dead workers' runs right", self._recover, DEATHS_SECONDS),
        ]
        self._stop = threading.Event()
        self._listeners = brokers.listeners(app, self._stop.wait)
        self._alerts = Watch(app, self._stop.wait)
        self._mended = self._joined = self._foreign = False
        self._swept = self._claimed_at = self._heartbeat_at = self._busy_at = 0.0
        self._steady_since = time.monotonic()
        self._minute = heartbeat.Minute()
        self._recorded = self._failures = 0
        self._settled = -1
        self._gone_after = ""

    def run(self) -> None:
        """Work until told to stop (SIGTERM, SIGINT); outages of Redis or the database are waited out."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: self._stop.set())
        threading.Thread(target=self._live, name="celeriac-alive", daemon=True).start()
        threading.Thread(target=self._listen, name="celeriac-catalogs", daemon=True).start()
        self._alerts.start()
        for listener in self._listeners:
            listener.start()
        while not self._stop.is_set():
            self._stop.wait(self.turn(utcnow()))
        with contextlib.suppress(redis.RedisError):  # it is gone anyway once its last word is old
            hashes.forget(self._redis, hashes.RECORDERS, self.name)
            self._reader.leave()

    def turn(self, now: datetime) -> float:
        """One turn of `run`: a batch, and what is due when there is no more; returns the seconds to wait.

        Nothing that is read or done ends the process: what fails is logged and tried again later.
        """
        try:
            if self._left_alone():
                self.send_heartbeat()
                return OTHER_APP_SECONDS
            if not self._mended:
                self._mend(now)
            if not self._joined:
                self._reader.join()
                self._joined = True
            recorded = self.step()
            self.send_heartbeat()
        except Exception as error:
            return self._back_off(error)
        self._failures = 0
        self._sampler.take_turn(self.app, now)
        if recorded < BATCH:
            self.sweep(now)
        return 0.0

    def _left_alone(self) -> bool:
        """Whether the broker is another app's: nothing is taken in, sent, given back or mended. Said once."""
        with self.app.app_context():
            other = broker.other_app()
        if other and not self._foreign:
            logger.error("%s", broker.BelongsToAnother(other).detail)
        self._foreign = other is not None
        return self._foreign

    def _mend(self, now: datetime) -> None:
        """Give up what was sent to queues that cannot be: it lies where nobody takes it from."""
        with self.app.app_context():
            lost = broker.mend()
            outbox.fail(dict.fromkeys(lost, "ValueError: no queue can have the name it was sent to"), now)
        self._mended = True

    def step(self) -> int:
        """Read and record one batch, waiting a second for it at most; returns how many events it had."""
        with self.app.app_context():
            self._note_gap()
            entries = self._left_behind() or self._reader.read(BATCH, BLOCK_MS)
            if entries:
                self._record(entries)
            return len(entries)

    def send_heartbeat(self) -> None:
        """Say about once a second that this recorder works and how far it is, also when it has much to do."""
        at = time.monotonic()
        if at - self._heartbeat_at < self._pause(HEARTBEAT_SECONDS):
            return
        self._heartbeat_at = at
        per_minute, behind = self._minute.count(at), 0.0 if self._foreign else self._reader.lag_seconds()
        parts = (
            self._sampler,
            *self._parts,
            self._alerts.part,
        )  # a stranger's broker that is away is no fault
        failing = {part.name: part.error for part in parts if part.failures > 1}
        heartbeat.send_heartbeat(self._redis, self.name, self._recorded, per_minute, behind, failing)

    def sweep(self, now: datetime) -> None:
        """Send what is due and put dead workers' runs right, not more than once a second.

        Each part works and fails by itself. Only when all recorders together keep up: a message whose event
        is not recorded yet would look as if it had never been sent.
        """
        if time.monotonic() - self._swept < self._pause(SWEEP_SECONDS):
            return
        self._swept = time.monotonic()
        try:
            if self._reader.lag_seconds() > LAG_SECONDS:
                return
        except redis.RedisError as error:
            logger.warning("the recorder does not know how far it is: %s", first_line(error))
            return
        for part in self._parts:
            part.take_turn(self.app, now)

    def _pause(self, busy: float) -> float:
        """The seconds between two looks: more of them while there is nothing to do."""
        return QUIET_SECONDS if time.monotonic() - self._busy_at > QUIET_AFTER_SECONDS else busy

    def _listen(self) -> None:
        """Take in at once what workers tell when they start; what is missed is found by the next look."""
        while not self._stop.is_set():
            try:
                wakeups.listen(self._redis, self._read_catalogs, self._stop.is_set, CATALOG_CHANNEL)
            except Exception as error:  # an outage, or a catalog as no other: the parts look at it again
                logger.warning("the recorder does not hear of workers for a while: %s", first_line(error))
                self._stop.wait(LISTEN_AGAIN_SECONDS)

    def _read_catalogs(self) -> None:
        if self._joined and not self._foreign:
            with self.app.app_context():
                self._catalogs.poll(utcnow())

    def _send(self, now: datetime) -> None:
        if outbox.sweep(now):
            self._busy_at = time.monotonic()
            topics.touch(self._redis, ["runs"])

    def _adopt(self, now: datetime) -> None:
        """Take in what waits in queues of ours; workers of others would tell nothing of what became of it."""
        if heartbeats.strangers(self._redis, now):
            return  # they may have what waits, and would tell nothing of what became of it
        ours = settings().declared_queues
        workers_heard = heartbeats.workers(self._redis, now)
        names = sorted(
            {*ours, *(queue for worker in workers_heard if worker.online for queue in worker.queues)}
        )
        if ids := adoption.adopt(self._newcomers.poll(names), self._mask, now):
            topics.touch(self._redis, ["runs", *(f"run:{run_id}" for run_id in ids)])

    def _poll_strangers(self, now: datetime) -> None:
        self._strangers.poll(self._redis, now)

    def _settle(self, now: datetime) -> None:
        if self._recorded != self._settled:  # else nothing has succeeded since
            self._settled = self._recorded
            if inbox.settle(now):
                topics.touch(self._redis, ["runs"])

    def _forget_gone(self, _now: datetime) -> None:
        self._gone_after = files.forget_gone(self._gone_after)

    def _resume_bulks(self, now: datetime) -> None:
        bulk.resume_abandoned(now)

    def _recover(self, now: datetime) -> None:
        for key, shape in _HEARTBEATS:
            hashes.set_unreadable_aside(self._redis, key, shape)
        steady = timedelta(seconds=time.monotonic() - self._steady_since)
        for recover in (workers.recover, workers.recover_elsewhere):
            outcome = recover(self._redis, now, now - steady)
            if ids := [f"run:{run_id}" for run_id in (*outcome.requeued, *outcome.lost)]:
                topics.touch(self._redis, ["runs", *ids])

    def _left_behind(self) -> list[Entry]:
        """What recorders that died had read; looked for once a second.

        After an outage of Redis each gets time to say that it lives before anything is taken from it.
        """
        at = time.monotonic()
        if at - self._claimed_at < CLAIM_SECONDS or at - self._steady_since <= ALIVE_SECONDS + 1:
            return []
        self._claimed_at = at
        return self._reader.claim(BATCH)

    def _live(self) -> None:
        """Tell the other recorders every second that this process lives, also while a batch takes long."""
        while not self._stop.is_set():
            try:
                self._reader.keep_alive()
            except redis.RedisError:
                self._steady_since = time.monotonic()
            self._stop.wait(1.0)

    def _back_off(self, error: Exception) -> float:
        delay = BACK_OFF_SECONDS[min(self._failures, len(BACK_OFF_SECONDS) - 1)]
        self._failures += 1
        self._steady_since, self._joined = time.monotonic(), False
        self._mended = self._mended and not isinstance(error, redis.ResponseError)
        logger.warning("the recorder waits %s s: %s", delay, first_line(error), exc_info=not is_outage(error))
        self._reader.reread()
        return delay

    def _record(self, entries: list[Entry]) -> None:
        try:
            touched = history.record([entry.event for entry in entries], self._mask)
        except Exception as error:
            if is_outage(error):
                raise
            touched = self._record_singly(entries)
        self._note_files(entries)
        self._reader.acknowledge(entries)
        self._recorded += len(entries)
        self._busy_at = time.monotonic()
        self._minute.add(len(entries), time.monotonic())
        topics.touch(self._redis, ["runs", *(f"run:{run_id}" for run_id in touched)])

    def _note_files(self, entries: list[Entry]) -> None:
        try:
            files.note_results(entry.event for entry in entries)
        except Exception as error:  # runs are recorded, whatever lies in the folders of files
            if is_outage(error):
                raise
            logger.exception("which files were made was not noted")

    def _record_singly(self, entries: list[Entry]) -> list[str]:
        """Find the event that the batch failed on: it is set aside, the others are recorded."""
        touched = []
        for entry in entries:
            try:
                touched += history.record([entry.event], self._mask)
            except Exception as error:  # whatever is wrong with one must not keep the others from history
                if is_outage(error):
                    raise
                logger.exception("an event cannot be recorded and is set aside: %s", entry.id)
                self._reader.set_aside(entry, f"{type(error).__name__}: {first_line(error)}")
        return touched

    def _note_gap(self) -> None:
        if gap := self._reader.gap():
            logger.error("events from %s to %s were lost: the stream reached its cap", *gap)
            history_gaps.note(*gap, utcnow())

    def _mask(self, task: tuple[str | None, str], args: Any, kwargs: Any) -> tuple[Any, Any, list[str]]:
        """As the task of who tells; an app that only sends another's does not know what that one hides."""
        app, name = task
        return catalog.mask(catalog.lookup(name, app) or catalog.lookup(name), args, kwargs)


def main(app: Flask, make_client: Callable[[], redis.Redis] | None = None) -> None:
    """Entry point of `flask --app wsgi recorder`."""
    with app.app_context():
        client = (make_client or broker.client)()
    recorder = Recorder(app, client)
    logger.info("recorder %s is up", recorder.name)
    mark = starts.note(client, "recorder", socket.gethostname())
    recorder.run()
    starts.ended(client, mark)
