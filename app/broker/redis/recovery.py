"""Gives back what a dead worker had taken: kombu itself would do so only after the visibility timeout."""

import json
from collections.abc import Collection

from app.broker.answers import Taken
from app.broker.connection import broker, client, keys, reaches_broker
from celeriac_agent.transport import TAKEN

SAME_SECONDS = 0.001  # when it was taken, noted in two places


@reaches_broker
def silent(seconds: float) -> set[str]:
    """The processes of other apps' workers that say there that they live, and have not for so long."""
    pipe = client().pipeline(transaction=False)
    pipe.time()
    pipe.hgetall(keys().alive)
    (at, _micros), heard = pipe.execute()
    return {name.decode("utf-8", "replace") for name, last in heard.items() if at - float(last) > seconds}


@reaches_broker
def forget(processes: Collection[str]) -> None:
    """Look no more for what these processes had."""
    if processes:
        client().hdel(keys().alive, *processes)


def holder(taken: Taken) -> str:
    """The process that says beside a message that it has it; empty where none does."""
    try:
        process, _, at = json.loads(taken.message.raw)[TAKEN].rpartition(" ")
        same = taken.taken_at is not None and abs(taken.taken_at.timestamp() - float(at)) < SAME_SECONDS
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return ""
    return str(process) if same else ""  # another may have it since


def can(taken: Taken) -> bool:
    """Whether the message has what a worker needs to take it again."""
    return _redelivered(taken) is not None


def _redelivered(taken: Taken) -> bytes | None:
    try:
        envelope = json.loads(taken.message.raw)
        envelope.pop(TAKEN, None)
        envelope["headers"]["redelivered"] = True
        envelope["properties"]["delivery_info"]["redelivered"] = True
    except (ValueError, KeyError, TypeError, RecursionError):  # whoever wrote it, no worker can take it
        return None
    return json.dumps(envelope).encode()


@reaches_broker
def requeue(taken: Taken) -> bool:
    """Put a taken message back to the front of its queue, marked as redelivered; False when it has gone."""
    raw = _redelivered(taken)
    return raw is not None and _run(taken, raw)


@reaches_broker
def drop(taken: Taken) -> bool:
    """Take a message that no worker may have again out of the broker; False when it has gone."""
    return _run(taken, b"")


def _run(taken: Taken, raw: bytes) -> bool:
    names = keys()
    level = names.level(taken.message.queue, taken.message.step)
    lists = [names.unacked, names.unacked_index, level.key]
    return bool(broker().run("give_back", lists, [taken.delivery_tag, raw]))
