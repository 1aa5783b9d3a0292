"""Puts right what other programs, or an older version, did in Redis under names that no queue can have.

A message sent to a queue called like another key is pushed onto that key. Nothing of ours does that (see
`Keys.level`), but a plain producer can; and a binding that leads there lasts.
"""

import logging
from collections.abc import Iterator
from typing import Any

import redis

from app.broker.messages import id_of
from celeriac_agent.keys import OWN_PREFIX, Keys, is_key

SCAN_COUNT = 500
KEPT_SECONDS = 7 * 86400  # what was set aside
_OWN_LISTS = ("held:", "trash:", "aside:")

logger = logging.getLogger(__name__)


def is_needed(error: redis.ResponseError) -> bool:
    """Whether Redis says that a key does not hold what belongs there."""
    return "WRONGTYPE" in str(error)


def mend(client: redis.Redis, names: Keys) -> bool:
    """Set aside what lies where no queue can be, and undo the bindings that lead there; whether any was.

    Walks over all keys, in steps that block nobody.
    """
    mended = _unbind(client, names)
    for key in list(_misplaced(client, names)):
        logger.error("%r was used as a queue, which it is not: its messages are set aside", key)
        _set_aside(client, names, key)
        mended = True
    return mended


def set_aside_ids(client: redis.Redis, names: Keys) -> set[str]:
    """The ids of the messages that were set aside in the last days: nobody will run them."""
    ids: set[str] = set()
    for key in client.scan_iter(f"{names.aside('')}*", count=SCAN_COUNT, _type="list"):
        raws: Any = client.lrange(key, 0, -1)
        ids |= {id_of(raw) for raw in raws}
    return ids


def _misplaced(client: redis.Redis, names: Keys) -> Iterator[bytes]:
    """Lists under names that never hold one."""
    own = tuple(f"{OWN_PREFIX}{kind}" for kind in _OWN_LISTS)
    for key in client.scan_iter(f"{names.prefix}*", count=SCAN_COUNT, _type="list"):
        queue = _text(key).removeprefix(names.prefix).partition(names.separator)[0]
        if is_key(queue) and not queue.startswith((*own, "celery-taskset-meta-")):  # chords have lists
            yield key


def _set_aside(client: redis.Redis, names: Keys, key: bytes) -> None:
    """Move a list out of the way, behind what was set aside before."""
    goal = names.aside(_text(key).removeprefix(names.prefix))
    while client.rpoplpush(key, goal):
        pass
    client.expire(goal, KEPT_SECONDS)


def _unbind(client: redis.Redis, names: Keys) -> bool:
    """Take what can be no queue out of kombu's tables of bindings."""
    mended = False
    for table in client.scan_iter(names.binding.replace("%s", "*"), count=SCAN_COUNT, _type="set"):
        members: Any = client.smembers(table)
        for member in members:
            queue = _text(member).split(names.separator)[-1]
            if is_key(queue):
                logger.error("a binding is undone, no queue can be called %r", queue)
                permanent = table.replace(b"_kombu.binding.", b"_kombu.binding_permanent.", 1)
                client.srem(table, member)
                client.srem(permanent, member)
                mended = True
    return mended


def _text(raw: bytes) -> str:
    return raw.decode("utf-8", "surrogateescape")
