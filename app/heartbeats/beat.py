"""Beats say every two seconds that they are alive and what they did, in one Redis hash that pages read."""

import os
import socket
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import redis
from pydantic import BaseModel

from app.broker import heartbeats as hashes
from app.broker import starts
from celeriac_agent import redis_urls

SEND_SECONDS = 2.0
SILENT_SECONDS = 10.0
FORGET_SECONDS = 600.0


class BeatEntry(BaseModel):
    """What must hold of an entry that is read."""

    at: hashes.Moment
    started_at: hashes.Moment = 0.0
    pid: int = 0
    fired: int = 0


@dataclass(frozen=True)
class Beat:
    """One beat process. `alive`: it looked at the schedules within the last 10 s."""

    name: str
    tick_at: datetime
    started_at: datetime
    pid: int
    fired: int
    alive: bool


class BeatHeartbeat:
    """Writes the entry of this process; safe to lose."""

    def __init__(self, redis_url: str) -> None:
        self.name = f"{socket.gethostname()}-{os.getpid()}"
        self.fired = 0
        self._url = redis_url
        self._started_at = time.time()
        self._sent_at = self._tidied = 0.0
        self._mark = ""

    def start(self, client: redis.Redis) -> None:
        """Count the start of this process; see `starts`."""
        self._mark = starts.note(client, "beat", socket.gethostname())

    def send(self, client: redis.Redis) -> None:
        """Say that a tick went well, not more often than every two seconds. Raises `redis.RedisError`."""
        now = time.monotonic()
        if now - self._sent_at < SEND_SECONDS:
            return
        self._sent_at = now
        entry = {"at": time.time(), "started_at": self._started_at, "pid": os.getpid(), "fired": self.fired}
        hashes.send(client, hashes.BEATS, self.name, entry)
        if now - self._tidied > FORGET_SECONDS / 2:
            self._tidied = now
            _forget_the_dead(client)

    def leave(self) -> None:
        """Take the entry away, on a connection of its own: a signal may have come amid another command."""
        client = redis_urls.client(self._url, socket_timeout=1, socket_connect_timeout=1)
        try:
            hashes.forget(client, hashes.BEATS, self.name)
            starts.ended(client, self._mark)
        except redis.RedisError:  # it ages out
            return
        finally:
            client.close()


def beats(client: redis.Redis, now: datetime) -> list[Beat]:
    """Every beat that was heard of in the last ten minutes, those alive first. Raises `BrokerUnavailable`."""
    entries = hashes.read(client, hashes.BEATS, BeatEntry)
    heard = [_beat(name, entry, now) for name, entry in entries.items()]
    return sorted(heard, key=lambda beat: (not beat.alive, beat.name))


def _beat(name: str, entry: dict[str, Any], now: datetime) -> Beat:
    tick_at, alive = hashes.heard_at(entry["at"], now, SILENT_SECONDS)
    started_at = datetime.fromtimestamp(entry.get("started_at", 0.0), UTC)
    return Beat(name, tick_at, started_at, entry.get("pid", 0), entry.get("fired", 0), alive)


def _forget_the_dead(client: redis.Redis) -> None:
    """Remove the entries of beats that were killed long ago."""
    entries = hashes.read(client, hashes.BEATS, BeatEntry)
    old = [name for name, entry in entries.items() if time.time() - entry["at"] > FORGET_SECONDS]
    hashes.forget(client, hashes.BEATS, *old)
