"""The quick yes to `health --part`: one word of Redis, without the app, for who asks every minute.

It only ever says that a process is at work. All else, and why not, is for the whole command to tell; so is
a Redis behind Sentinels, for what finds it brings half of the app.
"""

import json
import os
import socket
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from app.embedded_redis import url

# As `app/broker/heartbeats.py` has them, which brings the same; a test holds them against it.
WORDS = {
    "beat": ("celeriac:beats", "at"),
    "recorder": ("celeriac:recorders", "at"),
    "worker": ("celeriac:workers", "heartbeat_at"),
}
SILENT_SECONDS = 10.0  # no longer than any of the checks allows
TIMEOUT_SECONDS = 2.0
PROJECT = Path(__file__).resolve().parents[2]


def say(arguments: Sequence[str]) -> bool:
    """Print the line of `health --part NAME` when that process of this machine is surely at work."""
    if len(arguments) != 3 or list(arguments[:2]) != ["health", "--part"] or arguments[2] not in WORDS:
        return False
    part, host = arguments[2], socket.gethostname()
    key, moment = WORDS[part]
    try:
        told = {name.decode(): json.loads(raw) for name, raw in _entries(key).items()}
        here = {name: entry for name, entry in told.items() if _is_on(name, host)}
        ages = {name: time.time() - entry[moment] for name, entry in sorted(here.items())}
        idle = any(entry.get("failing") or entry.get("state") == "offline" for entry in here.values())
    except (ValueError, KeyError, TypeError, AttributeError):  # anybody may have written anything there
        return False
    fresh = {name: max(age, 0.0) for name, age in ages.items() if age <= SILENT_SECONDS}
    if not fresh or idle:
        return False
    words = [name if part == "worker" else f"{name} {age:.1f} s ago" for name, age in fresh.items()]
    sys.stdout.write(f"ok    {part}  {', '.join(words)}\n")
    return True


def _entries(key: str) -> dict[bytes, bytes]:
    import redis  # a quarter of a second, for this alone

    address = os.environ.get("CELERIAC_REDIS_URL") or url(
        PROJECT / os.environ.get("CELERIAC_DATA_DIR", "var")
    )
    try:
        limits = {"socket_timeout": TIMEOUT_SECONDS, "socket_connect_timeout": TIMEOUT_SECONDS}
        entries: Any = redis.Redis.from_url(address, **limits).hgetall(key)
    except redis.RedisError:  # the whole command says what is wrong
        return {}
    return dict(entries)


def _is_on(name: str, host: str) -> bool:
    return host in (name.rpartition("@")[2], name.rpartition("-")[0])
