"""Which queues there are: the declared ones, those that workers listen to, and those that hold messages."""

from collections.abc import Sequence

from flask_babel import gettext as _

from app import broker, queue_names
from app.config import settings
from app.errors import NotFound
from app.heartbeats import Worker
from app.short_cache import cached

# Finding the others walks over all keys of Redis: the more there are, the more rarely.
CACHED_SECONDS, SLOW_FACTOR, CACHED_AT_MOST = 10.0, 200, 120.0


def names(workers: Sequence[Worker]) -> list[str]:
    """The queues of the list: declared ones first, in their order, then the others by name."""
    declared = settings().declared_queues
    listened = {queue for worker in workers if worker.online for queue in worker.queues}
    known = (_ever_known() | listened | set(broker.paused())) - set(declared)
    others = sorted(name for name in known if not queue_names.is_reserved(name))
    depths = broker.depths(others) if others else {}
    shown = [name for name in others if name in listened or depths[name].waiting or depths[name].held]
    return [*declared, *shown]


def require(queue: str, workers: Sequence[Worker] = ()) -> None:
    """Raise `NotFound` for a queue that nobody has ever declared, listens to or has sent anything to."""
    if queue_names.is_reserved(queue) or broker.keys().separator in queue:
        raise _unknown(queue)  # a key that stands beside the queues, or one level of one
    if queue in settings().declared_queues or any(queue in worker.queues for worker in workers):
        return
    if queue in _ever_known():
        return
    if not broker.is_declared(queue):
        raise _unknown(queue)


def _unknown(queue: str) -> NotFound:
    return NotFound(_("There is no queue %(name)s.", name=queue[:80]))


def _ever_known() -> set[str]:
    """Queues that any process has declared on this broker; looked for every ten seconds or more rarely."""
    return cached("known queues", broker.known_queues, CACHED_SECONDS, SLOW_FACTOR, CACHED_AT_MOST)
