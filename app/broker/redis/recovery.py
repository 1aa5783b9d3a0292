"""Gives back what a dead worker had taken: kombu itself would do so only after the visibility timeout."""

import json

from app.broker.answers import Taken
from app.broker.connection import broker, keys, reaches_broker


def can(taken: Taken) -> bool:
    """Whether the message has what a worker needs to take it again."""
    return _redelivered(taken) is not None


def _redelivered(taken: Taken) -> bytes | None:
    try:
        envelope = json.loads(taken.message.raw)
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
