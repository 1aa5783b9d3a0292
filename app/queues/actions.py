"""What people do to one waiting run, of ours or of another app: message, row and audit entry change together.

The message is changed inside the transaction: without a database nothing is changed, and what Redis refuses
leaves no trace.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from flask_babel import gettext as _

from app import audit, broker, queues, runs
from app.accounts import permits
from app.broker import Message, ReleaseTo, topics
from app.broker.run_ids import is_run_id
from app.errors import Conflict, Invalid, NotFound
from app.extensions import db, transaction
from app.queues import run_sync
from app.queues.sites import OWN, Site
from app.runs import Run, states


@dataclass(frozen=True)
class MessageChange:
    """A message before and after; `before` is None where its old place is not known any more."""

    before: Message | None
    after: Message

    @property
    def old_position(self) -> int | None:
        return self.before.position if self.before else None


@contextmanager
def _changing(site: Site, queue: str, run_id: str, *neighbours: str | None) -> Iterator[None]:
    """One transaction, where that may be; runs that stand in the way are told by name."""
    site.require_changes()
    with _or_taken(queue, run_id, *neighbours), transaction():
        yield


@contextmanager
def _or_taken(queue: str, run_id: str, *neighbours: str | None) -> Iterator[None]:
    """What does not wait in the queue because a worker has taken it is told as that, by what history says.

    Its message may be acknowledged by now: the run is at work, has ended, or its task acknowledges early.
    """
    with _naming(run_id, *neighbours):
        try:
            yield
        except NotFound:
            run = _row(run_id) if is_run_id(run_id) else None
            if run is not None and run.queue == queue and _was_taken(run):
                raise broker.AlreadyTaken(run_id) from None
            raise


@contextmanager
def _naming(*run_ids: str | None) -> Iterator[None]:
    """A queue knows ids alone; who reads what stood in the way is told these runs by name."""
    try:
        yield
    except (NotFound, Conflict) as error:
        for run_id in run_ids:
            if run_id and is_run_id(run_id) and (run := _row(run_id)):
                error.detail = error.detail.replace(run_id, run.called)
        raise


def _row(run_id: str) -> Run | None:
    return db.session.get(Run, run_id, populate_existing=True)


def _was_taken(run: Run) -> bool:
    if run.worker or run.received_at or run.started_at:
        return True
    return not run.is_finished and run.outbox is None and run.state != states.HELD


def move(
    queue: str,
    run_id: str,
    now: datetime,
    *,
    before: str | None = None,
    after: str | None = None,
    to: str | None = None,
    position: int | None = None,
    hint: int | None = None,
    site: Site = OWN,
) -> MessageChange:
    """Move a waiting run; places and errors as in `broker.move`. `hint`: where it was last seen."""
    old = _find(site, queue, run_id, hint)
    hint = old.position if old else hint
    with _changing(site, queue, run_id, before, after):
        with site.at():
            moved = broker.move(
                queue, run_id, before=before, after=after, to=to, position=position, hint=hint
            )
        run_sync.change(run_id, now, priority=moved.priority)
        told = {"position": moved.position, "priority": _changed(old, moved)}
        _note("queue.move", site, queue, moved, now, **told)
    return _done(MessageChange(old, moved))


def nudge(
    queue: str, run_id: str, now: datetime, up: bool, hint: int | None = None, site: Site = OWN
) -> MessageChange:
    """Move a waiting run one place up or down the line; at its end nothing changes. Raises like `move`."""
    old = _find(site, queue, run_id, hint)
    position = (old.position if old else None) or 1
    first = up and position == 1
    with site.at():
        beside = [] if first else broker.page(queue, position - 2 if up else position, 1, body_limit=0)
    if not beside or beside[0].id == run_id:
        return move(queue, run_id, now, position=position, hint=position, site=site)
    side: dict[str, Any] = {"before" if up else "after": beside[0].id}
    return move(queue, run_id, now, hint=position, site=site, **side)


def undo_move(
    queue: str, run_id: str, position: int, priority: int | None, now: datetime, site: Site = OWN
) -> MessageChange:
    """Undo a move or a change of priority: the old priority, then the old place or the nearest to it.

    Raises like `move`.
    """
    if priority is not None:
        reprioritise(queue, run_id, priority, now, site=site)
    with site.at():
        waiting = broker.depth(queue)
    return move(queue, run_id, now, position=max(1, min(position, waiting)), site=site)


def reprioritise(
    queue: str, run_id: str, priority: int, now: datetime, hint: int | None = None, site: Site = OWN
) -> MessageChange:
    """Give a waiting or held run another priority; raises like `broker.reprioritise`, or `runs.resend`.

    Another app's run gets the nearest that its workers look at.
    """
    if not _orders(site):
        return _resend("queue.priority", queue, run_id, now, priority=priority)
    old = _find(site, queue, run_id, hint)
    with _changing(site, queue, run_id):
        with site.at():
            changed = broker.reprioritise(queue, run_id, priority, old.position if old else hint)
        run_sync.change(run_id, now, priority=changed.priority)
        told = {"before": old.priority if old else None, "priority": changed.priority}
        _note("queue.priority", site, queue, changed, now, **told)
    return _done(MessageChange(old, changed))


def send_to(
    queue: str, run_id: str, target: str, now: datetime, hint: int | None = None, site: Site = OWN
) -> MessageChange:
    """Send a waiting run to another queue that exists; raises like `broker.send_to`, or `runs.resend`."""
    site.require_changes()
    _require_target(site, target)
    if not _orders(site):
        return _resend("queue.send", queue, run_id, now, target=target)
    old = _find(site, queue, run_id, hint)
    with _changing(site, queue, run_id):
        with site.at():
            sent = broker.send_to(queue, run_id, target, old.position if old else hint)
        run_sync.change(run_id, now, queue=target)
        _note("queue.send", site, queue, sent, now, to=target)
    return _done(MessageChange(old, sent))


def hold(
    queue: str, run_id: str, by: str, reason: str, now: datetime, hint: int | None = None, site: Site = OWN
) -> MessageChange:
    """Set a waiting run aside; raises like `broker.hold`."""
    old = _find(site, queue, run_id, hint)
    with _changing(site, queue, run_id):
        with site.at():
            message = broker.hold(queue, run_id, by, reason, now, old.position if old else hint)
        run_sync.held([run_id], now)
        _note("queue.hold", site, queue, message, now, reason=reason or None)
    return _done(MessageChange(old, message))


def release(
    queue: str,
    run_id: str,
    now: datetime,
    to: ReleaseTo | None = None,
    position: int | None = None,
    site: Site = OWN,
) -> MessageChange:
    """Put a held run back into the line: `to` its front or back, else last of its priority, or to a position.

    Raises like `broker.release`, and `Forbidden` for a task that who acts may not run.
    """
    with site.at():
        held = broker.find_held(queue, run_id)
    if held is not None:
        permits.require(held.message.task_name, site.broker)
    with _changing(site, queue, run_id):
        with site.at():
            message = broker.release(queue, run_id, to)
        run_sync.waiting([run_id], now)
        _note("queue.release", site, queue, message, now, to=to)
    if position is not None:
        return MessageChange(None, undo_move(queue, run_id, position, None, now, site).after)
    return _done(MessageChange(None, message))


def remove(
    queue: str, run_id: str, by: str, now: datetime, hint: int | None = None, site: Site = OWN
) -> Message:
    """Remove a waiting or held run for good; its row ends as REVOKED. Raises like `broker.remove`."""
    with site.at():
        reading = broker.capabilities().reading
    if not reading:
        _recorded(queue, run_id)
    with _changing(site, queue, run_id):
        with site.at():
            message = broker.remove(queue, run_id, hint)
        run_sync.removed([run_id], _("Removed from the queue by %(name)s.", name=by), now)
        _note("queue.remove", site, queue, message, now)
    return _done(MessageChange(message, message)).after


def _resend(
    action: str, queue: str, run_id: str, now: datetime, target: str = "", priority: int | None = None
) -> MessageChange:
    """Change a message that cannot be changed: another one takes its place."""
    run = _recorded(queue, run_id)
    with transaction():
        message = queues.resend(run, target or queue, priority)
        run_sync.change(run_id, now, queue=message.queue, priority=message.priority)
        _note(action, OWN, queue, message, now, to=target or None, priority=priority)
    return _done(MessageChange(None, message))


def _recorded(queue: str, run_id: str) -> Run:
    """The run whose message cannot be seen, by its row; raises `NotFound`, and AlreadyTaken."""
    run = runs.get(run_id)
    if run.queue != queue or run.is_finished:
        raise NotFound(_("%(id)s does not wait in this queue.", id=run.called))
    if run.state != states.PENDING:
        raise broker.AlreadyTaken(run_id)
    return run


def _find(site: Site, queue: str, run_id: str, hint: int | None) -> Message | None:
    with site.at():
        return broker.find(queue, run_id, hint)


def _orders(site: Site) -> bool:
    with site.at():
        return broker.capabilities().order


def _require_target(site: Site, target: str) -> None:
    try:
        site.require(target)
    except NotFound as error:
        raise Invalid({"queue": [error.detail]}) from None


def _changed(old: Message | None, new: Message) -> int | None:
    return new.priority if old and old.priority != new.priority else None


def _note(action: str, site: Site, queue: str, message: Message, now: datetime, **details: Any) -> None:
    whose = {"queue": queue, "broker": site.broker}
    audit.record(action, now, "run", message.id, message.task_name or "", **whose, **details)


def _done(change: MessageChange) -> MessageChange:
    topics.touch(broker.client(), ["runs", f"run:{change.after.id}"])
    return change
