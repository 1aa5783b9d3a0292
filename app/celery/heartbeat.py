"""Workers say every two seconds that they are alive and what they do, in one Redis hash that pages read."""

import logging
import threading
import time
from contextlib import suppress
from functools import partial
from typing import Any

import psutil
import redis
from celery import Celery, bootsteps
from celery.signals import worker_init, worker_shutdown
from celery.worker import state as worker_state

from app.broker import BelongsToAnother, capabilities, heartbeats, require_own, starts, wakeups
from app.celery import guard, limits, remote
from app.errors import BrokerUnavailable
from celeriac_agent import limited, recording, redis_urls, transport
from celeriac_agent.presence import CATALOG_CHANNEL, entry, publish_catalog, running
from celeriac_agent.slots import Slots
from celeriac_agent.worker import LISTENING, Telling, pool_name, when_it_listens

BEAT_SECONDS = 2.0
MEMORY_EVERY_SECONDS = 10.0
OTHER_APP_SECONDS = 5.0
CATALOG_EVERY_SECONDS = 60.0

logger = logging.getLogger(__name__)


def install(app: Celery, redis_url: str) -> None:
    """Make every worker of the app tell of itself."""
    app.conf.celeriac_redis_url = redis_url
    app.steps["consumer"] |= {Telling, Presence}
    worker_init.connect(_on_start, dispatch_uid="celeriac.start", weak=False)
    worker_shutdown.connect(_on_end, dispatch_uid="celeriac.end", weak=False)


def _on_start(sender: Any, **_: Any) -> None:
    _wait_for_our_own(sender.app)
    sender.celeriac_start = starts.note(_client(sender.app), "worker", sender.hostname)


def _wait_for_our_own(app: Celery) -> None:
    """Before anything is taken or told: a worker waits as long as the broker belongs to another app."""
    refusal = ""
    with app.Task.flask_app.app_context():
        while True:
            try:
                require_own()
                return
            except (BelongsToAnother, BrokerUnavailable) as error:
                if error.detail != refusal:
                    logger.error("the worker waits. %s", error.detail)
                refusal = error.detail
            time.sleep(OTHER_APP_SECONDS)


def _on_end(sender: Any, **_: Any) -> None:
    """A worker that was told to stop has ended as it should; one that crashed also gets here."""
    stopping = (worker_state.should_stop, worker_state.should_terminate)
    if any(
        stopping_event is not None and stopping_event is not False for stopping_event in stopping
    ) and hasattr(sender, "celeriac_start"):
        starts.ended(_client(sender.app), sender.celeriac_start)


def _client(app: Celery) -> redis.Redis:
    return redis_urls.client(app.conf.celeriac_redis_url, socket_timeout=2, socket_connect_timeout=2)


class Presence(bootsteps.StartStopStep):  # type: ignore[misc]  # Celery ships no types
    """Writes the worker's entry in the hash on a timer of its event loop; a stuck loop shows as silence."""

    requires = LISTENING

    def __init__(self, consumer: Any, **options: Any) -> None:
        super().__init__(consumer, **options)
        self._started_at = time.time()
        self._timers: list[Any] = []
        self._memory = (0.0, 0)  # measured at, bytes
        self._last: dict[str, Any] = {}
        self._catalog = ""
        self._stopped, self._loop_is_back = threading.Event(), threading.Event()
        transport.take_as(consumer.hostname)
        limited.by(lambda: limited.exhausted(consumer))
        exact = capabilities(consumer.app.Task.flask_app).exact_slots
        self._slots = Slots(consumer, pool_name(consumer.pool), exact)
        remote.answer_with(
            status=lambda: self._send(consumer), obey_limits=lambda: limits.adopt(consumer, self._redis)
        )
        self._redis = _client(consumer.app)
        guard.install(consumer, self._redis)

    def start(self, consumer: Any) -> None:
        self._loop_is_back.set()
        self._publish_tasks(consumer.app)
        self._slots.listen(consumer)
        limits.adopt(consumer, self._redis)
        when_it_listens(consumer, partial(self._arrive, consumer))
        self._timers = [
            consumer.timer.call_repeatedly(BEAT_SECONDS, self._send, (consumer,)),
            consumer.timer.call_repeatedly(CATALOG_EVERY_SECONDS, self._publish_tasks, (consumer.app,)),
        ]

    def _arrive(self, consumer: Any) -> None:
        """Who is told that the worker is there may ask it at once."""
        self._send(consumer)
        wakeups.wake(self._redis, CATALOG_CHANNEL)

    def stop(self, consumer: Any) -> None:
        for timer in self._timers:
            timer.cancel()
        if self._stopped.is_set():
            return
        self._loop_is_back = threading.Event()
        stopping = consumer.controller.blueprint.state == bootsteps.CLOSE
        threading.Thread(target=self._send_alone, args=(self._loop_is_back, stopping), daemon=True).start()

    def shutdown(self, consumer: Any) -> None:
        """Say that the worker leaves; its pool is gone by now, so the rest is as it was last told."""
        self._stopped.set()
        self._loop_is_back.set()
        self.stop(consumer)
        if self._last:  # else it could not even start, and says why itself
            self._write(self._last | {"state": "offline", "heartbeat_at": time.time(), "running": []})

    def _send_alone(self, until: threading.Event, stopping: bool) -> None:
        """The event loop has ended, or looks for Redis, and runs go on: silence would look like death."""
        while not until.wait(BEAT_SECONDS) and not self._stopped.is_set():
            self._last |= {"stopping": stopping, "heartbeat_at": time.time(), "running": running()}
            self._write(self._last)

    def _send(self, consumer: Any) -> dict[str, Any]:
        self._last = self._entry(consumer)
        recording.tell_gap(consumer, self._write(self._last))
        return self._last

    def _publish_tasks(self, app: Celery) -> None:
        """What the tasks are; Redis keeps it for those who have not read it yet."""
        self._catalog, packed = app.celeriac_catalog
        with suppress(redis.RedisError):  # said again within a minute
            publish_catalog(self._redis, self._catalog, packed)

    def _write(self, entry: dict[str, Any]) -> bool:
        """Whether it was taken."""
        try:
            heartbeats.send(self._redis, heartbeats.WORKERS, entry["hostname"], entry)
        except redis.RedisError:  # the broker is the same server: the worker itself reports that it is gone
            return False
        return True

    def _entry(self, consumer: Any) -> dict[str, Any]:
        return entry(consumer) | {
            "started_at": self._started_at,
            "catalog": self._catalog,
            "rates": limits.rates(consumer),
            "memory_bytes": self._memory_bytes(consumer.pool),
        }

    def _memory_bytes(self, pool: Any) -> int:
        """Resident bytes of the worker and its pool's processes, measured every ten seconds."""
        if time.monotonic() - self._memory[0] > MEMORY_EVERY_SECONDS:
            self._memory = (time.monotonic(), _resident_bytes(pool))
        return self._memory[1]


def _resident_bytes(pool: Any) -> int:
    main = psutil.Process()
    if worker_state.active_requests:  # a task may have started processes; to find them means to look at all
        return sum(map(_resident, main.children(recursive=True)), _resident(main))
    idle = pool.info.get("processes", ()) if pool_name(pool) == "prefork" else ()
    return sum((_resident_of(pid) for pid in idle), _resident(main))


def _resident_of(pid: int) -> int:
    try:
        return _resident(psutil.Process(pid))
    except psutil.NoSuchProcess:
        return 0


def _resident(process: psutil.Process) -> int:
    try:
        return int(process.memory_info().rss)
    except psutil.NoSuchProcess:
        return 0
