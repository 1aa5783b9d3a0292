"""What people do to a whole queue: pause it, hold everything new, release all, purge it and undo that.

The queue is ours or another app's.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from itertools import islice
from typing import Any

from flask_babel import gettext as _

from app import audit, broker
from app.accounts import permits
from app.broker import HoldingNew, Pause, Purged, ReleaseTo, topics
from app.broker.redis.purges import TRASH_SECONDS
from app.extensions import transaction
from app.queues import run_sync
from app.queues.sites import OWN, Site

CHUNK = 1000  # runs that a purge ends in one transaction: nobody else waits long for the database


def pause(queue: str, by: str, note: str, now: datetime, site: Site = OWN) -> Pause:
    """Let no worker take from a queue until it is resumed. Raises `NotFound`, and what the site requires."""
    site.require_obedience(queue, now)
    with _changing(site, queue):
        with site.modes_at():
            paused = broker.pause(queue, by, note, now)
        _note("queue.pause", site, queue, now, note=note or None)
    return paused


def resume(queue: str, now: datetime, site: Site = OWN) -> bool:
    """End a pause; False when there was none. Raises `NotFound`."""
    with _changing(site, queue):
        with site.modes_at():
            resumed = broker.resume(queue)
        if resumed:
            _note("queue.resume", site, queue, now)
    return resumed


def hold_new(queue: str, by: str, reason: str, now: datetime, site: Site = OWN) -> HoldingNew:
    """Hold everything that is sent to the queue from now on. Raises like `pause`."""
    site.require_obedience(queue, now)
    with _changing(site, queue):
        with site.at():
            mode = broker.hold_new(queue, by, reason, now)
        _note("queue.hold-new", site, queue, now, reason=reason or None)
    return mode


def stop_holding_new(queue: str, now: datetime, site: Site = OWN) -> bool:
    """Let new runs into the line again; those that are held stay held. Raises `NotFound`."""
    with _changing(site, queue):
        with site.at():
            stopped = broker.stop_holding_new(queue)
        if stopped:
            _note("queue.let-new-in", site, queue, now)
    return stopped


def release_all(queue: str, now: datetime, to: ReleaseTo | None = None, site: Site = OWN) -> list[str]:
    """Release every held run that who acts may run, in order; returns their ids.

    Raises `NotFound` and `Invalid`.
    """
    with _changing(site, queue):
        with site.at():
            released = broker.release_all(
                queue, to, lambda message: not permits.may_run(message.task_name, site.broker)
            )
        run_sync.waiting(released, now)
        _note("queue.release-all", site, queue, now, released=len(released), to=to)
    return released


def purge(queue: str, by: str, now: datetime, site: Site = OWN) -> Purged:
    """Remove every waiting run; held ones stay. It can be undone for a minute. Raises `NotFound`.

    RabbitMQ does not tell what it removed, and cannot undo it: there the history says what waited.
    """
    with _changing(site, queue):
        with site.at():
            reading = broker.capabilities().reading
            purged = broker.purge(queue, now)
        _note("queue.purge", site, queue, now, removed=purged.removed)
    reason = _("Purged by %(name)s.", name=by)
    for ids in _purged_ids(site, queue, purged.token) if reading else _cancelled(queue, now):
        with _looking_again():
            run_sync.removed(ids, reason, now)
    return purged


def restore(queue: str, token: str, now: datetime, site: Site = OWN) -> int:
    """Undo a purge; returns how many runs wait again. Raises `Conflict` "undo-expired"."""
    chunks = _purged_ids(site, queue, token)
    site.require_changes()
    with _looking_again():
        for ids in chunks:  # before a worker can start one of them: a run that has ended stays ended
            run_sync.brought_back(ids, now - timedelta(seconds=TRASH_SECONDS), now)
        with site.at():
            restored = broker.restore(queue, token)
        _note("queue.restore", site, queue, now, restored=restored)
    return restored


def _purged_ids(site: Site, queue: str, token: str) -> list[list[str]]:
    with site.at():
        ids = [message.id for message in broker.purged(queue, token)]
    return [ids[start : start + CHUNK] for start in range(0, len(ids), CHUNK)]


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


def _note(action: str, site: Site, queue: str, now: datetime, **details: Any) -> None:
    audit.record(action, now, "queue", queue, queue, broker=site.broker, **details)


@contextmanager
def _changing(site: Site, queue: str) -> Iterator[None]:
    """One transaction for a queue that is there and may be changed."""
    site.require_changes()
    site.require(queue)
    with _looking_again():
        yield


@contextmanager
def _looking_again() -> Iterator[None]:
    """One transaction; afterwards the pages look again."""
    with transaction():
        yield
    topics.touch(broker.client(), ["runs"])
