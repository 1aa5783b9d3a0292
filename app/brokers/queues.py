"""What waits on a broker of another app, and what its workers have in hand. Nothing here changes anything."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from flask_babel import gettext as _

from app import broker, catalog, lists
from app.broker import Held, Message, Pause
from app.broker.priority import PRIORITY_STEPS
from app.broker.redis import location
from app.brokers import places, rabbitmq, workers
from app.brokers.places import Place
from app.errors import BrokerUnavailable, NotFound
from app.queue_names import is_reserved
from app.queues import messages
from app.short_cache import cached

NAMES_SECONDS = 30.0  # who asks for all names makes Redis walk over all keys
BODY_LIMIT_BYTES = 100_000


@dataclass(frozen=True)
class ForeignQueue:
    """A queue of another app. `unreachable`: messages at priority steps that its workers do not look at."""

    place: Place
    name: str
    waiting: int
    by_priority: dict[int, int]
    lists: Sequence[str]
    unreachable: int = 0
    consumers: int | None = None
    pause: Pause | None = None

    @property
    def source(self) -> str:
        """Where the figures are from."""
        if not self.place.on_redis:
            return _("RabbitMQ's own count (passive queue.declare)")
        return _("LLEN of %(keys)s", keys=", ".join(self.lists))


@dataclass(frozen=True)
class ForeignRun:
    """One message that waits, is held or in hand; `args` and `kwargs` are masked, None: `unread` says why."""

    message: Message
    args: list[Any] | None
    kwargs: dict[str, Any] | None
    taken_at: datetime | None = None
    held: Held | None = None

    def __getattr__(self, name: str) -> Any:
        return getattr(self.message, name)


def listing(place: Place) -> list[ForeignQueue]:
    """Every queue that anybody ever bound there, by name. Raises `BrokerUnavailable`."""
    if place.on_redis:
        found = _measured(place, _names(place))
    else:
        known = workers.queues_told(place)
        found = [ForeignQueue(place, *facts) for facts in rabbitmq.queues(place, known=known)]
    with places.modes_at(place):
        pauses = broker.paused()
    return [replace(queue, pause=pauses.get(queue.name)) for queue in found]


def find(place: Place, name: str) -> ForeignQueue:
    """One queue; raises `NotFound` for one that is neither bound nor holds anything."""
    if not place.on_redis:
        for facts in rabbitmq.queues(place, name):
            return ForeignQueue(place, *facts)
    elif not is_reserved(name):
        (queue,) = _measured(place, [name])
        if queue.waiting or queue.unreachable or name in _names(place):
            return queue
    raise NotFound(_("The broker of %(broker)s has no queue %(name)s.", broker=place.name, name=name[:80]))


def line(place: Place, queue: str, offset: int, limit: int) -> list[ForeignRun]:
    """`limit` messages from `offset` (0 = the next), in the order in which they will be taken."""
    with places.at(place):
        messages = broker.page(queue, offset, limit, BODY_LIMIT_BYTES)
    return [run_of(place, message) for message in messages]


def begin_at(place: Place, queue: str, cursor: str | None) -> int:
    """How many messages come before the page of the line at a cursor."""
    with places.at(place):
        return messages.begin_at(queue, cursor)


def begin_at_taken(place: Place, cursor: str | None) -> int:
    """The same for what workers took; behind one that was acknowledged meanwhile, the page begins anew."""

    def behind(count: int, run_id: str) -> int:
        taken = [run.id for run in in_hand(place, 0, count)]
        return taken.index(run_id) + 1 if run_id in taken else 0

    return lists.begin_at(cursor, behind)


def in_hand(place: Place, offset: int, limit: int) -> list[ForeignRun]:
    """What workers took and have not acknowledged, those first that were taken longest ago."""
    with places.at(place):
        taken = location.taken(offset, limit)
    return [run_of(place, message.message, message.taken_at) for message in taken]


def in_hand_count(place: Place) -> int:
    """How many messages workers took and have not acknowledged."""
    with places.at(place):
        return location.taken_count()


def connections(place: Place) -> int | None:
    """How many connections wait there for messages right now; None where that may not be asked."""
    try:
        with places.at(place):
            clients: Any = broker.client().client_list()
    except BrokerUnavailable:
        return None
    database = str(broker_db(place))
    return len(
        [client for client in clients if client.get("cmd") == "brpop" and client.get("db") == database]
    )


def broker_db(place: Place) -> int:
    """The number of the Redis database."""
    pool = places.redis_of(place).redis.connection_pool
    return int(pool.connection_kwargs.get("db") or 0)


def _names(place: Place) -> list[str]:
    return cached(f"queues of {place.name}", lambda: _looked_up(place), NAMES_SECONDS)


def _looked_up(place: Place) -> list[str]:
    with places.at(place):
        return sorted(broker.known_queues())


def _measured(place: Place, names: Sequence[str]) -> list[ForeignQueue]:
    with places.at(place):
        keys = broker.keys()
        depths = broker.depths(names)
        others = [step for step in PRIORITY_STEPS if step not in keys.steps]
        pipe = broker.client().pipeline(transaction=False)
        for name in names:
            for step in others:
                pipe.llen(keys.level(name, step).key)
        beside = pipe.execute()
    size = len(others)
    return [
        ForeignQueue(
            place,
            name,
            depths[name].waiting,
            depths[name].by_priority,
            [level.key.replace("\x06\x16", ":") for level in keys.levels(name)],
            sum(beside[at * size : (at + 1) * size]),
        )
        for at, name in enumerate(names)
    ]


def run_of(
    place: Place, message: Message, taken_at: datetime | None = None, held: Held | None = None
) -> ForeignRun:
    """A message with its arguments as they may be shown."""
    if message.args is None or message.kwargs is None:
        return ForeignRun(message, None, None, taken_at, held)
    info = catalog.lookup(message.task_name or "", app=place.name)
    return ForeignRun(message, *catalog.hide(info, message.args, message.kwargs), taken_at, held)
