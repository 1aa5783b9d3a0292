"""Takes in what workers publish of their tasks, when one starts with what nobody knew.

What they tell there or in their heartbeats that is not known here is said.
"""

import json
import logging
import threading
import zlib
from collections.abc import Iterable
from datetime import datetime
from typing import Any

import redis

from app import broker, heartbeats, workers
from app.broker import dead_letters
from app.broker.connection import reaches_broker
from app.catalog import published
from app.heartbeats import Worker
from app.recorder.unknown_facts import UnknownFacts
from celeriac_agent.presence import CATALOG_PREFIX

DOCUMENT_MAX = 64 * 1024 * 1024  # bytes of JSON

logger = logging.getLogger(__name__)


class Reader:
    """One a recorder; it remembers which start of which worker it has seen."""

    def __init__(self) -> None:
        self._seen: set[tuple[str, datetime]] = set()
        self._unknown = UnknownFacts()
        self._lock = threading.Lock()

    def poll(self, now: datetime) -> None:
        """Take in what is new; any thread may. Raises `BrokerUnavailable`."""
        with self._lock:
            self._poll(broker.client(), now)

    def _poll(self, client: redis.Redis, now: datetime) -> None:
        heard = (*heartbeats.workers(client, now), *heartbeats.app_workers(client, now))
        online = [worker for worker in heard if worker.online]
        for worker in online:
            self._say_unknown(client, dead_letters.HEARTBEAT, worker, worker.unknown)
            is_new = worker.catalog and (worker.key, worker.started_at) not in self._seen
            if is_new and self._take_in(client, worker):
                app = worker.app_name
                workers.deploys.note(app, worker.hostname, worker.versions, worker.started_at)
                self._seen.add((worker.key, worker.started_at))
        if len(self._seen) > 10_000:
            self._seen = {(worker.key, worker.started_at) for worker in online}

    def _take_in(self, client: redis.Redis, worker: Worker) -> bool:
        """Whether that is done; not while the worker has yet to say it again, as after a loss of Redis."""
        if published.note_seen(worker.catalog, worker.started_at):
            return True
        raw = _read(client, worker.catalog)
        if raw is None:
            return False
        try:
            document = json.loads(_unpacked(raw))
            refused = published.take_in(worker.app_name, worker.catalog, document, worker.started_at)
            self._say_unknown(client, dead_letters.CATALOG, worker, published.unknown_facts(document))
        except (ValueError, zlib.error, RecursionError) as error:
            refused = [str(error)]
        for why in refused:
            logger.error("what %s says of its tasks is not taken in: %s", worker.key, why)
            dead_letters.set_aside(
                client,
                dead_letters.CATALOG,
                worker.key,
                f"{worker.hostname} of {worker.app_name}: {why}",
            )
        return True

    def _say_unknown(self, client: redis.Redis, kind: str, worker: Worker, names: Iterable[str]) -> None:
        self._unknown.say(client, kind, worker.app_name, worker.hostname, names)


@reaches_broker
def _read(client: redis.Redis, digest: str) -> Any:
    return client.get(CATALOG_PREFIX + digest)


def _unpacked(raw: bytes) -> bytes:
    unpacking = zlib.decompressobj()
    text = unpacking.decompress(raw, DOCUMENT_MAX)
    if unpacking.unconsumed_tail:
        raise ValueError("it is larger than 64 MB")
    return text
