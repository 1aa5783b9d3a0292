"""Processes say that they live in hashes of Redis: told, read and forgotten here alone.

One hash a kind of process, an entry of JSON a process. Anybody may have written anything there.
"""

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Annotated, Any

import redis
from flask_babel import gettext as _
from pydantic import BaseModel, Field, ValidationError

from app.broker import dead_letters
from app.broker.connection import reaches_broker
from app.errors import BrokerUnavailable, NotFound
from celeriac_agent import presence

APP_WORKERS = presence.APP_WORKERS  # those of other apps
BEATS, RECORDERS, WORKERS = "celeriac:beats", "celeriac:recorders", "celeriac:workers"
Moment = Annotated[float, Field(ge=0, lt=1e11)]  # an epoch second; till the year 5138


def send(client: redis.Redis, key: str, name: str, entry: Mapping[str, Any]) -> None:
    """Say that the process of this name lives. Raises `redis.RedisError`."""
    client.hset(key, name, json.dumps(entry))


def read(client: redis.Redis, key: str, shape: type[BaseModel]) -> dict[str, dict[str, Any]]:
    """What each process told last, by its name, where it has this shape. Raises `BrokerUnavailable`."""
    try:
        entries = _entries(client, key)
    except NotFound as error:  # somebody wrote something else under this key
        raise BrokerUnavailable(_("Redis does not answer: %(error)s", error=error.__cause__)) from error
    heartbeats = {name.decode("utf-8", "replace"): _read(raw, shape) for name, raw in entries.items()}
    return {name: entry for name, entry in heartbeats.items() if entry is not None}


@reaches_broker
def _entries(client: redis.Redis, key: str) -> Any:
    return client.hgetall(key)


def forget(client: redis.Redis, key: str, *names: str) -> None:
    """Take entries away; a process that lives comes back with its next word. Raises `redis.RedisError`."""
    if names:
        client.hdel(key, *names)


def heard_at(epoch: float, now: datetime, silent_seconds: float) -> tuple[datetime, bool]:
    """When a process was heard of, and whether that is recent enough to say that it lives."""
    at = datetime.fromtimestamp(epoch, UTC)
    return at, (now - at).total_seconds() <= silent_seconds


@reaches_broker
def set_unreadable_aside(client: redis.Redis, key: str, shape: type[BaseModel]) -> int:
    """Take entries that cannot be read out of a hash; a process that lives tells again. Returns how many."""
    entries: Any = client.hgetall(key)
    bad = {name: raw for name, raw in entries.items() if _read(raw, shape) is None}
    for name, raw in bad.items():
        if client.hdel(key, name):
            why = f"{key}: {name.decode('utf-8', 'replace')[:100]} told what cannot be read{_of_version(raw)}"
            dead_letters.set_aside(client, dead_letters.HEARTBEAT, raw, why)
    return len(bad)


def _of_version(raw: bytes) -> str:
    """What an agent of another version is to be told, if it is one."""
    try:
        version = json.loads(raw).get("v", presence.VERSION)
    except (ValueError, AttributeError, RecursionError):
        return ""
    if version == presence.VERSION:
        return ""
    known = presence.VERSION
    return f": it is of version {version!r:.40}, and this Celeriac reads version {known}: update Celeriac"


def _read(raw: bytes, shape: type[BaseModel]) -> dict[str, Any] | None:
    """An entry that has this shape, with all that it tells beside; None when it has not."""
    try:
        entry = json.loads(raw)
        shape.model_validate(entry, strict=True)
    except (ValueError, ValidationError, RecursionError):
        return None
    return dict(entry)
