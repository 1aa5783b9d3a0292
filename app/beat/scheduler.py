"""Beat on the table of schedules: `celery -A celery_worker beat` uses it by the setting `beat_scheduler`.

Any number of beats run side by side. What a beat costs grows with what is due, not with what is stored: it
asks one statement for the next due moment and waits for it, at most a second, woken by every change.
"""

import gc
import logging
import threading
import time
from collections.abc import Callable
from datetime import datetime
from typing import Any

import redis
from celery.beat import Scheduler
from flask import Flask
from kombu.exceptions import OperationalError as BrokerDown
from sqlalchemy.exc import OperationalError

from app import broker, catalog
from app.alerts.watch import Watch
from app.broker import wakeups
from app.clock import utcnow
from app.config import settings
from app.errors import BrokerUnavailable
from app.extensions import db
from app.heartbeats.beat import BeatHeartbeat
from app.runs import outbox
from app.schedules import code_sync, drift, firing
from app.schedules.buffer import Buffer

# Wake-ups can be lost, and a wall clock can be set: nothing waits longer than this without a look.
LONGEST_WAIT_SECONDS = 1.0
BUFFER_WAIT_SECONDS = 0.2
BUFFER_SHARE = 20  # of the time: looking at many buffered fires may take up 5 %
BUSY_WAIT_SECONDS = 0.02  # another beat has locked what is due
BACK_OFF_SECONDS = (0.1, 0.2, 0.5, 1.0)
LISTEN_AGAIN_SECONDS = 1.0
OTHER_APP_SECONDS = 2.0
DRIFT_PAUSES = 19.0  # checking saved arguments may take up a twentieth of a core

logger = logging.getLogger(__name__)


class BeatScheduler(Scheduler):  # type: ignore[misc]  # Celery ships no types
    """Celery's scheduler API over the table; it keeps nothing that a kill could lose."""

    def __init__(self, app: Any, *args: Any, **kwargs: Any) -> None:
        self._flask: Flask = app.Task.flask_app
        self._wake = threading.Event()
        self._closed = threading.Event()
        self._buffer = Buffer()
        self._buffer_at = 0.0
        self._prepared = self._foreign = False
        self._code_version: str | None = None
        self._drift: threading.Thread | None = None
        self._failures = 0
        self._listeners: list[threading.Thread] = []
        with self._flask.app_context():
            self._presence = BeatHeartbeat(settings().redis)
        super().__init__(app, *args, **kwargs)

    def setup_schedule(self) -> None:
        """Start listening for changes; the table is first read by `tick`, which outages cannot stop."""
        self._listeners = [self._listener("wakeups", self._listen_to_redis)]
        self._presence.start(broker.client(self._flask))
        with self._flask.app_context():
            if db.engine.dialect.name == "postgresql":
                self._listeners.append(self._listener("notifications", self._listen_to_postgresql))

    def tick(self, *_: Any, **__: Any) -> float:
        """Fire what is due, then wait for what comes next or changes; returns 0: call it again at once.

        No exception leaves it: Celery's loop would end.
        """
        self._wake.clear()
        try:
            with self._flask.app_context():
                wait = self.work(utcnow())
            self._failures = 0
        except (OperationalError, BrokerUnavailable, BrokerDown, redis.RedisError) as error:
            wait = self._back_off()
            logger.warning("beat waits %s s: %s", wait, str(error).partition("\n")[0])
        except Exception:
            wait = self._back_off()
            logger.exception("beat waits %s s", wait)
        if wait > 0:
            self._wake.wait(wait)
        return 0.0

    def work(self, now: datetime) -> float:
        """One look at the schedules and what they ask for; returns the seconds until the next one.

        Raises what database and Redis raise when they are away. Without Redis nothing is claimed: fires
        that pass meanwhile are treated as missed, by the policies of their schedules. So are those that pass
        while the broker is another app's.
        """
        client = broker.client()
        if self._left_alone():
            self._presence.send(client)
            return OTHER_APP_SECONDS
        if not self._prepared:
            self._prepare()
        self._follow_code(now)
        agenda = firing.agenda()
        if agenda.unplaced:
            firing.make_new_rows_due(now)
            agenda = firing.agenda()
        due_at = agenda.next_at()
        is_due = due_at is not None and due_at <= now
        if is_due:
            client.ping()
        done = self._fire(agenda, now) if is_due else 0
        if agenda.buffered:
            self._tick_buffer(client, now)
        self._presence.send(client)
        if is_due:
            return 0.0 if done else BUSY_WAIT_SECONDS
        wait = LONGEST_WAIT_SECONDS
        if due_at is not None:
            wait = min(wait, (due_at - utcnow()).total_seconds())
        if agenda.buffered:
            wait = min(wait, self._buffer_at - time.monotonic())
        return max(wait, 0.0)

    def _left_alone(self) -> bool:
        """Whether nothing may be fired because the broker is another app's; said once."""
        other = broker.other_app()
        if other and not self._foreign:
            logger.error("no schedule fires. %s", broker.BelongsToAnother(other).detail)
        self._foreign = other is not None
        return self._foreign

    def _fire(self, agenda: firing.Agenda, now: datetime) -> int:
        """Fire schedules and send runs for later; returns how many there were."""
        done = 0
        if agenda.fire_at is not None and agenda.fire_at <= now:
            fired = firing.fire_due(now)
            self._presence.fired += fired.sent
            done = fired.rows
        if agenda.send_at is not None and agenda.send_at <= now:
            sent = outbox.send_scheduled(now)
            self._presence.fired += sent
            done += sent
        return done

    def _tick_buffer(self, client: redis.Redis, now: datetime) -> None:
        started = time.monotonic()
        if started < self._buffer_at:
            return
        client.ping()
        self._presence.fired += self._buffer.tick(now)
        took = time.monotonic() - started
        self._buffer_at = time.monotonic() + max(BUFFER_WAIT_SECONDS, took * BUFFER_SHARE)

    def _prepare(self) -> None:
        """What happens once, at the first tick that reaches the database."""
        self._prepared = True
        gc.freeze()  # what is loaded by now stays: a burst need not look through it again and again
        Watch(self._flask, self._closed.wait, patient=True).start()

    def _follow_code(self, now: datetime) -> None:
        """Take over what code defines, and check saved arguments, whenever workers tell of other code."""
        version = catalog.version()
        if version == self._code_version or (self._drift is not None and self._drift.is_alive()):
            return
        try:
            code_sync.sync_code(now)
        except OperationalError:
            raise
        except Exception:  # what code defines must not keep the rest from firing
            logger.exception("the schedules defined in code were not taken over")
        self._code_version = version
        self._drift = self._listener("drift", self._check_drift)

    def _back_off(self) -> float:
        wait = BACK_OFF_SECONDS[min(self._failures, len(BACK_OFF_SECONDS) - 1)]
        self._failures += 1
        self._wake.clear()
        return wait

    def close(self) -> None:
        """Say that this beat leaves; called by Celery on the way out, perhaps from a signal handler."""
        self._closed.set()
        self._wake.set()
        self._presence.leave()
        super().close()

    def _listener(self, name: str, work: Callable[[], None]) -> threading.Thread:
        thread = threading.Thread(target=work, name=f"celeriac-{name}", daemon=True)
        thread.start()
        return thread

    def _listen_to_redis(self) -> None:
        client = broker.client(self._flask)
        while not self._closed.is_set():
            try:
                wakeups.listen(client, self._wake.set, self._closed.is_set)
            except (redis.RedisError, OSError):
                self._closed.wait(LISTEN_AGAIN_SECONDS)

    def _listen_to_postgresql(self) -> None:
        with self._flask.app_context():
            engine = db.engine
        from app.beat import notifications  # psycopg takes 5 MiB: only where it is used

        while not self._closed.is_set():
            try:
                notifications.listen(engine, self._wake.set, self._closed.is_set)
            except (notifications.Error, OSError, ValueError):
                self._closed.wait(LISTEN_AGAIN_SECONDS)

    def _check_drift(self) -> None:
        with self._flask.app_context():
            try:
                drift.check_drift(utcnow(), DRIFT_PAUSES)
            except Exception:  # the end of a thread: beat itself goes on
                logger.exception("saved arguments were not checked")
