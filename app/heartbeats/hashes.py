"""Reads what processes tell of themselves in hashes of Redis, where anybody may have written anything."""

import json
from typing import Annotated, Any

import redis
from pydantic import BaseModel, Field, ValidationError

from app.broker import aside
from app.broker.connection import reaches_broker

Moment = Annotated[float, Field(ge=0, lt=1e11)]  # an epoch second; till the year 5138


def read(raw: bytes, shape: type[BaseModel]) -> dict[str, Any] | None:
    """An entry that has this shape, with all that it tells beside; None when it has not."""
    try:
        told = json.loads(raw)
        shape.model_validate(told, strict=True)
    except (ValueError, ValidationError, RecursionError):
        return None
    return dict(told)


@reaches_broker
def set_unreadable_aside(client: redis.Redis, key: str, shape: type[BaseModel]) -> int:
    """Take entries that cannot be read out of a hash; a process that lives tells again. Returns how many."""
    entries: Any = client.hgetall(key)
    bad = {name: raw for name, raw in entries.items() if read(raw, shape) is None}
    for name, raw in bad.items():
        if client.hdel(key, name):
            why = f"{key}: {name.decode('utf-8', 'replace')[:100]} told what cannot be read"
            aside.set_aside(client, aside.HEARTBEAT, raw, why)
    return len(bad)
