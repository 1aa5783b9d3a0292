"""All that RabbitMQ answers as a broker (see `adapter`): how much waits, and which copy of a message counts.

It keeps a queue to itself: nobody can look into it, move a message in it or take one out of its middle.
"""

from collections.abc import Callable, Collection, Sequence
from datetime import datetime
from typing import Any, NoReturn

from app.broker.answers import Capabilities, Depth, Purged
from app.broker.connection import require_own
from app.broker.errors import NotSupported
from app.broker.messages import Message, unread
from app.broker.priority import DEFAULT_PRIORITY
from app.broker.rabbitmq import dedup, server
from app.config import settings

CAPABILITIES = Capabilities(
    name="RabbitMQ",
    order=False,
    reading=False,
    hold=False,
    gives_back=True,
    exact_slots=False,
    apart=True,
)
# kombu's pool does not see that a connection broke, and a RabbitMQ that is out of memory takes a message
# without a word.
PATIENCE: dict[str, Any] = {
    "retry": True,
    "retry_policy": {"max_retries": 1, "interval_start": 0, "interval_step": 0, "interval_max": 0},
    "confirm_timeout": 3.0,
}


def depths(queues: Sequence[str]) -> dict[str, Depth]:
    return {queue: Depth(queue, waiting, {}, 0) for queue, waiting in server.counts(queues).items()}


def is_declared(queue: str) -> bool:
    return server.exists(queue)


def ping() -> None:
    server.exists(settings().declared_queues[0])


version = server.version


def out(run_ids: Collection[str], queues: Sequence[str]) -> set[str]:
    """Only what was taken shows; a message that is sent twice is run once."""
    return dedup.taken(run_ids)


def remove(queue: str, run_id: str, hint: int | None = None) -> Message:
    """The message stays, and is thrown away unrun when its turn comes."""
    dedup.cancel(run_id)
    return unread(run_id, queue, DEFAULT_PRIORITY)


def purge(queue: str, now: datetime) -> Purged:
    """For good."""
    require_own()
    return Purged(queue, "", server.empty(queue), now)


def _refuse(*_args: Any, **_kwargs: Any) -> NoReturn:
    raise NotSupported


def _nothing(empty: Callable[[], Any]) -> Callable[..., Any]:
    return lambda *_args, **_kwargs: empty()


move = reprioritise = send_to = hold = hold_new = release = restore = _refuse
find = find_held = locate = _nothing(lambda: None)
page = held = release_all = _nothing(list)
held_ids = known_queues = _nothing(set)
unacked = holding_new = sweep = _nothing(dict)
held_count, stop_holding_new = _nothing(int), _nothing(bool)
purged = _nothing(lambda: iter(()))
oldest_sent_at = dict.fromkeys


class _Newcomers:
    """Nobody sees who sends past Celeriac."""

    def poll(self, queues: Sequence[str]) -> list[Message]:
        return []


newcomers = _Newcomers
