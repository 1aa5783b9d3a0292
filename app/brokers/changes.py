"""What people do to the queues of another app, where an admin allowed it: each is one atomic step there."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any

from flask_babel import gettext as _

from app import audit, broker
from app.broker import Message, Purged, topics
from app.broker.redis.purging import TRASH_SECONDS
from app.brokers import places, queues, workers
from app.brokers.places import Place
from app.extensions import transaction
from app.queues import run_sync
from app.queues.actions import naming

CHUNK = 1000  # runs that a purge ends in one transaction
UNDO = timedelta(seconds=TRASH_SECONDS)


def move(name: str, queue: str, run_id: str, now: datetime, hint: int | None = None, **where: Any) -> Message:
    """Move a waiting run to another place of its line; places and errors as in `broker.move`."""
    with change(name, run_id, where.get("before"), where.get("after")) as place:
        with places.at(place):
            moved = broker.move(queue, run_id, hint=hint, **where)
        note("queue.move", name, queue, moved, now, position=moved.position)
    return moved


def nudge(name: str, queue: str, run_id: str, up: bool, now: datetime, hint: int | None = None) -> Message:
    """Move a waiting run one place up or down its line; at its end nothing changes. Raises like `move`."""
    places.require_changes(name)
    with places.at(places.find(name)):
        found = broker.find(queue, run_id, hint)
        position = (found.position if found else None) or 1
        first = up and position == 1
        beside = [] if first else broker.page(queue, position - 2 if up else position, 1, body_limit=0)
    if not beside or beside[0].id == run_id:
        return move(name, queue, run_id, now, position, position=position)
    return move(name, queue, run_id, now, position, **{"before" if up else "after": beside[0].id})


def reprioritise(
    name: str, queue: str, run_id: str, priority: int, now: datetime, hint: int | None = None
) -> Message:
    """Give a waiting run another priority, at the nearest step that the app's workers look at."""
    with change(name, run_id) as place:
        with places.at(place):
            changed = broker.reprioritise(queue, run_id, priority, hint)
        note("queue.priority", name, queue, changed, now, priority=changed.priority)
    return changed


def send_to(
    name: str, queue: str, run_id: str, target: str, now: datetime, hint: int | None = None
) -> Message:
    """Send a waiting run to another queue of the app. Raises like `broker.send_to`, and `NotFound`."""
    places.require_changes(name)
    queues.find(places.find(name), target)
    with change(name, run_id) as place:
        with places.at(place):
            sent = broker.send_to(queue, run_id, target, hint)
        run_sync.change(run_id, now, queue=target)
        note("queue.send", name, queue, sent, now, to=target)
    return sent


def remove(name: str, queue: str, run_id: str, by: str, now: datetime, hint: int | None = None) -> Message:
    """Remove a waiting run for good: it will not run. Raises like `broker.remove`."""
    with change(name, run_id) as place:
        with places.at(place):
            gone = broker.remove(queue, run_id, hint)
        run_sync.removed([run_id], _("Removed from the queue by %(name)s.", name=by), now)
        note("queue.remove", name, queue, gone, now)
    return gone


def purge(name: str, queue: str, by: str, now: datetime) -> Purged:
    """Remove everything that waits in a queue; it can be brought back for a minute."""
    with change(name) as place:
        with places.at(place):
            purged = broker.purge(queue, now)
        audit.record("queue.purge", now, "queue", queue, queue, broker=name, removed=purged.removed)
    with places.at(place):
        ids = [message.id for message in broker.purged(queue, purged.token)]
    for start in range(0, len(ids), CHUNK):
        with transaction():
            run_sync.removed(ids[start : start + CHUNK], _("Purged by %(name)s.", name=by), now)
    return purged


def restore(name: str, queue: str, token: str, now: datetime) -> int:
    """Undo a purge; returns how many wait again. Raises `Conflict` "undo-expired"."""
    with change(name) as place:
        with places.at(place):
            ids = [message.id for message in broker.purged(queue, token)]
            restored = broker.restore(queue, token)
        for start in range(0, len(ids), CHUNK):
            run_sync.brought_back(ids[start : start + CHUNK], now - UNDO, now)
        audit.record("queue.restore", now, "queue", queue, queue, broker=name, restored=restored)
    return restored


def revoke(name: str, run_id: str, terminate: bool, now: datetime) -> None:
    """Tell the workers not to start a run, or to stop it: they keep that in memory and answer nothing."""
    with change(name) as place:
        audit.record("run.cancel", now, "run", run_id, run_id, broker=name, terminate=terminate or None)
        workers.command(place, "revoke", task_id=run_id, terminate=terminate, signal="SIGTERM")


def send_events(name: str, on: bool, now: datetime) -> None:
    """Have the app's workers send events of their tasks, or no more, until they restart."""
    with change(name) as place:
        audit.record("broker.events", now, "broker", name, name, enabled=on)
        workers.command(place, "enable_events" if on else "disable_events")


@contextmanager
def change(name: str, *run_ids: str | None) -> Iterator[Place]:
    """One transaction, where that may be; afterwards the pages look again. These runs are told by name."""
    places.require_changes(name)
    with naming(*run_ids), transaction():
        yield places.find(name)
    topics.touch(broker.client(), ["runs"])


def note(action: str, name: str, queue: str, message: Message, now: datetime, **details: Any) -> None:
    """Write an act on a run down in the audit log."""
    task_name = message.task_name or ""
    audit.record(action, now, "run", message.id, task_name, queue=queue, broker=name, **details)
