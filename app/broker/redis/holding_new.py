""" "Hold everything new": a queue in which only what a person lets in reaches the line.

What is published through Celeriac's transport goes among the held messages in the same step; what other
producers push is set aside when a worker takes it (see `transport`), and before that by `sweep`.
What waited when the mode began is let in, and so is what a person released.
"""

import json
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from app.broker.answers import HoldingNew
from app.broker.connection import broker, client, keys, reaches_broker
from app.broker.messages import id_of
from app.broker.pauses import facts_of
from app.broker.redis import location, waiting

SWEEP_CHUNK = 200
SET_CHUNK = 5000


@reaches_broker
def hold_new(queue: str, by: str, reason: str, now: datetime) -> HoldingNew:
    """Hold everything that is sent to the queue from now on. What waits or runs already goes on."""
    known = sorted(waiting.ids(queue) | set(location.unacked()))
    pipe = client().pipeline(transaction=True)
    for start in range(0, len(known), SET_CHUNK):
        pipe.sadd(keys().allowed(queue), *known[start : start + SET_CHUNK])
    facts = json.dumps({"since": now.timestamp(), "by": by, "reason": reason}).encode()
    pipe.hsetnx(keys().hold_new, queue, facts)
    pipe.hget(keys().hold_new, queue)
    return _read(queue, pipe.execute()[-1])


@reaches_broker
def stop_holding_new(queue: str) -> bool:
    """Let new messages into the line again; those that are held stay held. False when it was not so."""
    pipe = client().pipeline(transaction=True)
    pipe.hdel(keys().hold_new, queue)
    pipe.delete(keys().allowed(queue))
    return bool(pipe.execute()[0])


@reaches_broker
def holding_new(queues: Sequence[str] | None = None) -> dict[str, HoldingNew]:
    """The queues that hold everything new (None: all of them) by name."""
    modes: Any = client().hgetall(keys().hold_new)
    named = {key.decode("utf-8", "replace"): value for key, value in modes.items()}
    return {name: _read(name, named[name]) for name in named if queues is None or name in queues}


@reaches_broker
def sweep(now: datetime) -> dict[str, int]:
    """Set aside what came past Celeriac into queues that hold everything new; how many, by queue.

    New messages come in at the far end of each level, so the look from there ends at the first stretch
    that is all let in; it costs little however long the line. Call it every second or so.
    """
    return {queue: _sweep(queue, mode, now) for queue, mode in holding_new().items()}


def _sweep(queue: str, mode: HoldingNew, now: datetime) -> int:
    names, swept = keys(), 0
    record = {"at": now.timestamp(), "since": mode.since.timestamp(), "by": mode.by, "reason": mode.reason}
    for level in names.levels(queue):
        facts = json.dumps(record | {"step": level.step})
        lists = [level.key, names.held(queue), names.held_facts(queue)]
        for raw in reversed(_newcomers(queue, level.key)):  # the first to come in is held first
            swept += int(broker().run("hold", lists, [raw, 1, id_of(raw), facts]))
    return swept


def _newcomers(queue: str, key: str) -> list[bytes]:
    """What came into one level and is not let in, from the end where it comes in."""
    arrived: list[bytes] = []
    done = 0
    while raws := broker().items(key, done, done + SWEEP_CHUNK - 1):
        newcomers = _not_allowed(queue, raws)
        if not newcomers:
            break
        arrived += newcomers
        done += len(raws)
    return arrived


def _not_allowed(queue: str, raws: list[bytes]) -> list[bytes]:
    pipe = client().pipeline(transaction=False)
    for raw in raws:
        pipe.sismember(keys().allowed(queue), id_of(raw))
    return [raw for raw, allowed in zip(raws, pipe.execute(), strict=True) if not allowed]


def _read(queue: str, value: bytes) -> HoldingNew:
    by, since, reason = facts_of(value, "by", "since", "reason")
    return HoldingNew(queue, by, since, reason)
