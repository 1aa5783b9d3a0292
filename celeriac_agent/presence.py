"""A worker says every two seconds that it is alive and what it does, in one Redis hash that Celeriac reads.

A thread of its main process says so: Celeriac's Redis may be away or slow, and the worker does not wait.
"""

import logging
import os
import platform
import threading
import time
import zlib
from collections.abc import Callable
from functools import partial
from typing import Any

import celery
import redis
from celery import Celery, bootsteps
from celery.worker import state as worker_state

from celeriac_agent import checks, masking, pauses, recording, redis_urls, schedules, tasks
from celeriac_agent.code import code_version
from celeriac_agent.connection import CONNECT_SECONDS
from celeriac_agent.keys import keys_beside
from celeriac_agent.stream import to_json
from celeriac_agent.worker import LISTENING, pool_name, when_it_listens

APP_WORKERS = "celeriac:app-workers"  # hash: app and hostname → what the worker told last
CATALOG_PREFIX = "celeriac:catalog:"  # and a digest: what the tasks of a version are
CATALOG_CHANNEL = "celeriac:catalogs"  # a worker has started, and told what it can do
CATALOG_SECONDS = 3600
CATALOG_MAX = 8 * 1024 * 1024
VERSION = 1  # of an entry
BEAT_SECONDS = 2.0
RUNNING_MAX = 100
OTHERWISE_MAX = 1000
PAUSE, HOLD, SLOTS, GIVE_BACK = OBEYS = ("pause", "hold", "slots", "give-back")  # what a managed one obeys
VISIBILITY_SECONDS = 3600.0  # kombu's, where the app says nothing

logger = logging.getLogger(__name__)
_home = ("", "")  # Celeriac's Redis, and the name of the app
_hide: schedules.Hide = masking.by_names
_more: dict[str, Any] = {}
_obey: "Callable[[frozenset[str], bool], None] | None" = None


def install(app: Celery, url: str, name: str, hide: schedules.Hide) -> None:
    """Make every worker of the app tell of itself there; `hide` masks secret arguments."""
    global _home, _hide
    _home, _hide = (url, name), hide
    app.steps["consumer"].add(AppPresence)


def tell_too(facts: dict[str, Any]) -> None:
    """What this process's worker tells of itself beside the rest from now on."""
    _more.update(facts)


def obey_pauses_with(obey: Callable[[frozenset[str], bool], None]) -> None:
    """Tell this process's worker at each of its words what is paused: queues, and whether it is itself."""
    global _obey
    _obey = obey


def read_pauses(hostname: str) -> tuple[frozenset[str], bool]:
    """The paused queues of the app, and whether this worker is paused. Raises `redis.RedisError`."""
    with _client(retry=redis_urls.once()) as client:
        return pauses.read(client, keys_beside(_home[1]), hostname)


def _client(**options: Any) -> redis.Redis:
    limits = {"socket_timeout": CONNECT_SECONDS, "socket_connect_timeout": CONNECT_SECONDS}
    return redis_urls.client(_home[0], **limits, **options)


class AppPresence(bootsteps.StartStopStep):  # type: ignore[misc]  # Celery ships no types
    """Tells of a worker of an app that is not Celeriac's own."""

    requires = LISTENING

    def __init__(self, consumer: Any, **options: Any) -> None:
        super().__init__(consumer, **options)
        self._started_at = time.time()
        self._teller: threading.Thread | None = None
        self._gone = threading.Event()
        self._client: redis.Redis | None = None
        self._behind: float | None = None  # by so many seconds this clock is behind that of Redis
        self._reached = False
        self._same: dict[str, Any] = {}
        self._catalog = b""
        self._last: dict[str, Any] = {}

    def start(self, consumer: Any) -> None:
        """Called whenever the worker has reached its broker."""
        if self._teller is None:
            when_it_listens(consumer, partial(self._begin, consumer))

    def _begin(self, consumer: Any) -> None:
        if self._teller is None:
            self._same = {"v": VERSION, "app": _home[1]} | _delivery(consumer.app)
            self._teller = threading.Thread(
                target=self._tell_on, args=(consumer,), name="celeriac-presence", daemon=True
            )
            self._teller.start()

    def stop(self, consumer: Any) -> None:
        """The worker leaves, or looks for its broker; what runs goes on, and so does the thread."""

    def shutdown(self, consumer: Any) -> None:
        """Say goodbye, unless nobody listens; the pool has ended, so the rest is as it was last told."""
        self._gone.set()
        if self._teller is not None:
            self._teller.join(2 * CONNECT_SECONDS)
        if self._reached:
            self._tell(self._last | {"state": "offline", "running": []})

    def _tell_on(self, consumer: Any) -> None:
        self._read_tasks(consumer.app)
        while not self._gone.is_set():
            try:
                self._last = entry(consumer)
                self._tell(self._last)
                recording.tell_gap(consumer, self._reached)
            except Exception:  # whatever this worker's pool and broker are made of
                logger.warning("Celeriac is told nothing of this worker", exc_info=True)
                return
            self._gone.wait(BEAT_SECONDS)

    def _read_tasks(self, app: Celery) -> None:
        """Make the catalog ready, which others of the same version share."""
        try:
            document = {"app": _home[1]} | tasks.document(app, _hide)
            packed = zlib.compress(to_json(document).encode("utf-8", "replace"))
        except Exception:  # tasks are anybody's code
            logger.warning("Celeriac is told nothing of this worker's tasks", exc_info=True)
            return
        if len(packed) > CATALOG_MAX:
            logger.error("Celeriac is told nothing of this worker's tasks: they take %d bytes", len(packed))
            return
        self._catalog, self._same["catalog"] = packed, tasks.digest(document)

    def _tell(self, document: dict[str, Any]) -> None:
        """By the clock of Redis; while that is away nothing is told, which the stream logs."""
        try:
            if self._client is None:
                self._client = _client()
            if self._behind is None:
                self._behind = _behind(self._client.time())
            document |= self._same | _more | {"clock_seconds": round(-self._behind, 1)}
            document["started_at"] = self._started_at + self._behind
            document["heartbeat_at"] = time.time() + self._behind
            for run in document["running"]:
                run["started_at"] = (run["started_at"] or time.time()) + self._behind
            pipe = self._client.pipeline(transaction=False)
            pipe.hset(APP_WORKERS, f"{_home[1]} {document['hostname']}", to_json(document))
            pipe.time()
            pipe.expire(CATALOG_PREFIX + str(document.get("catalog")), CATALOG_SECONDS)
            _, at, is_known = pipe.execute()
            self._behind = _behind(at)
            if self._catalog and not is_known:
                self._client.set(CATALOG_PREFIX + document["catalog"], self._catalog, ex=CATALOG_SECONDS)
            if _obey is not None:
                _obey(*pauses.read(self._client, keys_beside(_home[1]), document["hostname"]))
            if not self._reached:
                self._client.publish(CATALOG_CHANNEL, b"")
            self._reached = True
        except redis.RedisError:
            self._reached = False


def publish_catalog(client: redis.Redis, digest: str, packed: bytes) -> None:
    """Have a catalog kept for who has not read it yet."""
    if not client.expire(CATALOG_PREFIX + digest, CATALOG_SECONDS):
        client.set(CATALOG_PREFIX + digest, packed, ex=CATALOG_SECONDS)


def entry(consumer: Any) -> dict[str, Any]:
    """What every worker tells of itself, Celeriac's own as well."""
    pool, scaler = consumer.pool, consumer.controller.autoscaler
    return {
        "hostname": consumer.hostname,
        "state": "online",
        "heartbeat_at": time.time(),
        "pid": os.getpid(),
        "pool": pool_name(pool),
        "slots": pool.num_processes,
        "autoscale": [scaler.min_concurrency, scaler.max_concurrency] if scaler else None,
        "queues": listens_to(consumer),
        "checks": checks.answering(consumer),
        "running": running(),
        "finished": sum(worker_state.total_count.values()),
        "load": os.getloadavg()[0],
        "versions": {
            "celery": celery.__version__,
            "python": platform.python_version(),
            "code": code_version(consumer.app),
        },
    }


def listens_to(consumer: Any) -> list[str]:
    """What the worker listens to, paused or not."""
    consumed = [queue.name for queue in consumer.task_consumer.queues] if consumer.task_consumer else []
    return sorted({*consumed, *getattr(consumer, "celeriac_aside", ())})


def running() -> list[dict[str, Any]]:
    """What the worker runs, the first hundred."""
    return [
        {"id": request.id, "task": request.name, "started_at": request.time_start}
        for request in _active()[:RUNNING_MAX]
    ]


def _active() -> list[Any]:
    """The requests that run now; another thread may change the set while it is read."""
    while True:
        try:
            return list(worker_state.active_requests)
        except RuntimeError:
            continue


def _behind(redis_time: Any) -> float:
    seconds, micros = redis_time
    return float(seconds + micros / 1e6 - time.time())


def _delivery(app: Celery) -> dict[str, Any]:
    """What becomes of a message whose worker dies.

    A task that acknowledges late has it delivered again, `returns_after` so many seconds; `acks_otherwise`
    names those that differ from the app's default.
    """
    late = bool(app.conf.task_acks_late)
    otherwise = [name for name, task in app.tasks.items() if bool(task.acks_late) != late]
    with app.connection_for_read() as connection:
        driver = str(connection.transport.driver_type)
        options = connection.transport_options or {}
    seconds = {"redis": options.get("visibility_timeout", VISIBILITY_SECONDS), "amqp": 0.0}.get(driver)
    return {
        "acks_late": late,
        "acks_otherwise": sorted(otherwise)[:OTHERWISE_MAX],
        "returns_after": seconds,
        "broker": driver,
    }
