"""Emptying a queue's line, with a while to think again."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from uuid import uuid4

from flask_babel import gettext as _

from app.broker.answers import Purged
from app.broker.connection import broker, keys, named_errors, reaches_broker
from app.broker.messages import Message, parse
from app.broker.redis import search
from app.errors import Conflict

TRASH_SECONDS = 60  # the page offers undo for ten; the rest is for slow clicks and for reading what went


@reaches_broker
def purge(queue: str, now: datetime) -> Purged:
    """Remove every waiting message of the queue in one step, at any length. Held ones stay."""
    token = uuid4().hex
    removed = broker().run("purge", _lists(queue, token), [TRASH_SECONDS])
    return Purged(queue, token, removed, now + timedelta(seconds=TRASH_SECONDS))


@reaches_broker
def restore(queue: str, token: str) -> int:
    """Undo a purge: its messages stand in front again, in their order. Returns how many.

    Raises Conflict `undo-expired` when the trash has been emptied, or the purge undone already.
    """
    restored = int(broker().run("restore", _lists(queue, token), []))
    if not restored:
        raise Conflict(_("It is too late to undo this; the messages are gone."), "undo-expired")
    return restored


def purged(queue: str, token: str) -> Iterator[Message]:
    """The messages of a purge, in the order in which they stood, as long as it can be undone."""
    with named_errors():
        for step in keys().steps:
            for raw in search.in_order(keys().trash(queue, token, step)):
                yield parse(raw, queue, step, body_limit=0)


def _lists(queue: str, token: str) -> list[str]:
    names = keys()
    lists = [level.key for level in names.levels(queue)]
    return lists + [names.trash(queue, token, step) for step in names.steps]
