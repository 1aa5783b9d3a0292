"""Gives back what a dead worker had taken: kombu itself would do so only after the visibility timeout."""

import json

from app.broker.connection import broker, keys, reaches_broker
from app.broker.whereabouts import Taken


@reaches_broker
def give_back(taken: Taken) -> bool:
    """Put a taken message back to the front of its queue, marked as redelivered; False when it has gone."""
    message = taken.message
    envelope = json.loads(message.raw)
    envelope["headers"]["redelivered"] = True
    envelope["properties"]["delivery_info"]["redelivered"] = True
    return _run(taken, json.dumps(envelope).encode())


@reaches_broker
def drop(taken: Taken) -> bool:
    """Take a message that no worker may have again out of the broker; False when it has gone."""
    return _run(taken, b"")


def _run(taken: Taken, raw: bytes) -> bool:
    names = keys()
    level = names.level(taken.message.queue, taken.message.step)
    lists = [names.unacked, names.unacked_index, level.key]
    return bool(broker().run("give_back", lists, [taken.delivery_tag, raw]))
