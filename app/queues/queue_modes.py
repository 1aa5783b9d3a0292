"""What people do to a whole queue: pause it, hold everything new, release all, purge it and undo that."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from itertools import islice

from flask_babel import gettext as _

from app import audit, broker
from app.accounts import permits
from app.broker import HoldingNew, Pause, Purged, ReleaseTo, topics
from app.broker.redis.purging import TRASH_SECONDS
from app.extensions import transaction
from app.queues import run_sync
from app.queues.discovery import require

CHUNK = 1000  # runs that a purge ends in one transaction: nobody else waits long for the database


def pause(queue: str, by: str, note: str, now: datetime) -> Pause:
    """Let no worker take from a queue until it is resumed. Raises `NotFound`."""
    require(queue)
    with _change():
        paused = broker.pause(queue, by, note, now)
        audit.record("queue.pause", now, "queue", queue, queue, note=note or None)
    return paused


def resume(queue: str, now: datetime) -> bool:
    """End a pause; False when there was none. Raises `NotFound`."""
    require(queue)
    with _change():
        resumed = broker.resume(queue)
        if resumed:
            audit.record("queue.resume", now, "queue", queue, queue)
    return resumed


def hold_new(queue: str, by: str, reason: str, now: datetime) -> HoldingNew:
    """Hold everything that is sent to the queue from now on. Raises `NotFound`."""
    require(queue)
    with _change():
        mode = broker.hold_new(queue, by, reason, now)
        audit.record("queue.hold-new", now, "queue", queue, queue, reason=reason or None)
    return mode


def stop_holding_new(queue: str, now: datetime) -> bool:
    """Let new runs into the line again; those that are held stay held. Raises `NotFound`."""
    require(queue)
    with _change():
        stopped = broker.stop_holding_new(queue)
        if stopped:
            audit.record("queue.let-new-in", now, "queue", queue, queue)
    return stopped


def release_all(queue: str, now: datetime, to: ReleaseTo | None = None) -> list[str]:
    """Release every held run that who acts may run, in order; returns their ids.

    Raises `NotFound` and `Invalid`.
    """
    require(queue)
    with _change():
        released = broker.release_all(queue, to, lambda message: not permits.may_run(message.task_name))
        run_sync.waiting(released, now)
        audit.record("queue.release-all", now, "queue", queue, queue, released=len(released), to=to)
    return released


def purge(queue: str, by: str, now: datetime) -> Purged:
    """Remove every waiting run; held ones stay. It can be undone for a minute. Raises `NotFound`.

    RabbitMQ does not tell what it removed, and cannot undo it: there the history says what waited.
    """
    require(queue)
    with _change():
        purged = broker.purge(queue, now)
        audit.record("queue.purge", now, "queue", queue, queue, removed=purged.removed)
    reason = _("Purged by %(name)s.", name=by)
    for ids in _purged_ids(queue, purged.token) if broker.capabilities().reading else _cancelled(queue, now):
        with _change():
            run_sync.removed(ids, reason, now)
    return purged


def restore(queue: str, token: str, now: datetime) -> int:
    """Undo a purge; returns how many runs wait again. Raises `Conflict` "undo-expired"."""
    chunks = list(_purged_ids(queue, token))
    with _change():
        for ids in chunks:  # before a worker can start one of them: a run that has ended stays ended
            run_sync.brought_back(ids, now - timedelta(seconds=TRASH_SECONDS), now)
        restored = broker.restore(queue, token)
        audit.record("queue.restore", now, "queue", queue, queue, restored=restored)
    return restored


def _purged_ids(queue: str, token: str) -> Iterator[list[str]]:
    messages = broker.purged(queue, token)
    while ids := [message.id for message in islice(messages, CHUNK)]:
        yield ids


def _cancelled(queue: str, now: datetime) -> Iterator[list[str]]:
    """The runs of the queue that no worker had taken: none of their messages runs any more."""
    waited = iter(run_sync.waiting_in(queue, now))
    while ids := list(islice(waited, CHUNK)):
        yield [run_id for run_id in ids if _cancel(queue, run_id)]


def _cancel(queue: str, run_id: str) -> bool:
    try:
        broker.remove(queue, run_id)
    except broker.AlreadyTaken:
        return False
    return True


@contextmanager
def _change() -> Iterator[None]:
    """One transaction; afterwards the pages look again."""
    with transaction():
        yield
    topics.touch(broker.client(), ["runs"])
