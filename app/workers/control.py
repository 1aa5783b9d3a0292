"""Changes to workers that run: each is confirmed by the worker's own answer, never assumed."""

import time
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

from flask_babel import gettext as _

from app import audit, broker, heartbeats, queue_names
from app.celery.remote import STATUS, STOP
from app.celery.remote_control import call
from app.errors import Conflict, Invalid
from app.extensions import transaction
from app.heartbeats import Worker, find_worker
from app.heartbeats.worker import read

SLOTS_MAX = 256
SETTLE_TRIES, SETTLE_SECONDS = 20, 0.1  # a pool forks, and some loops turn, only after they have answered


def pause(hostname: str, by: str, note: str, now: datetime) -> Worker:
    """Let a worker take nothing more until it is resumed, also after a restart; what runs goes on.

    A worker that is offline obeys when it starts. Raises `NotFound`, and `Conflict` "no-answer", or
    "another-app" for one that is not Celeriac's own, as all but `clear` do.
    """
    worker = _own(hostname, now)
    with transaction():
        broker.pause_worker(hostname, by, note, now)
        audit.record("worker.pause", now, "worker", hostname, hostname, note=note or None)
    return _obeyed(worker, now)


def resume(hostname: str, now: datetime) -> Worker:
    """Let a paused worker take runs again. Raises like `pause`."""
    worker = _own(hostname, now)
    with transaction():
        if broker.resume_worker(hostname):
            audit.record("worker.resume", now, "worker", hostname, hostname)
    return _obeyed(worker, now)


def shutdown(hostname: str, now: datetime) -> Worker:
    """Let a worker finish what runs (`running` of the answer), take nothing more, and leave.

    Raises `NotFound`, and `Conflict` "offline" or "no-answer".
    """
    worker = _online(hostname, now)
    answer = call(hostname, STOP)
    _note("worker.shutdown", hostname, now, running=[run["id"] for run in answer["running"]] or None)
    return read(answer | {"stopping": True}, worker.pause, now)


def resize(hostname: str, size: int, now: datetime) -> Worker:
    """Give a worker's pool so many slots; one that scales by itself gets at most so many.

    Raises `Invalid`, `NotFound`, and `Conflict`: "offline", "no-answer", "unsupported" by its pool, "refused"
    in the worker's own words (all its processes are busy).
    """
    worker = _online(hostname, now)
    if isinstance(size, bool) or not isinstance(size, int) or not 1 <= size <= SLOTS_MAX:
        raise Invalid({"size": [_("Give a number of slots from 1 to %(most)s.", most=SLOTS_MAX)]})
    if not worker.resizable:
        words = _("A pool of the kind %(pool)s cannot grow or shrink while it runs.", pool=worker.pool)
        raise Conflict(words, "unsupported")
    if worker.autoscale:
        call(hostname, "autoscale", max=size, min=min(size, worker.autoscale[0]))
    elif size > worker.slots:
        call(hostname, "pool_grow", n=size - worker.slots)
    for _slot in range(0 if worker.autoscale else worker.slots - size):
        call(hostname, "pool_shrink", n=1)  # one by one: refused in the midst, it miscounts
    _note("worker.pool", hostname, now, before=worker.slots, size=size)
    if worker.autoscale:
        return _settled(hostname, now, lambda latest: (latest.autoscale or [0, 0])[1] == size)
    return _settled(hostname, now, lambda latest: latest.slots == size)


def change_queues(hostname: str, add: Sequence[str], drop: Sequence[str], now: datetime) -> Worker:
    """Let a worker listen to more queues, or to some no longer, until it restarts.

    Raises `Invalid`, `NotFound`, and `Conflict` "offline", "no-answer" or "refused".
    """
    worker = _online(hostname, now)
    _check_queues(worker, add, drop)
    for queue in add:
        call(hostname, "add_consumer", queue=queue)
    for queue in drop:
        call(hostname, "cancel_consumer", queue=queue)
    _note("worker.queues", hostname, now, add=list(add) or None, drop=list(drop) or None)
    queues = (set(worker.queues) | set(add)) - set(drop)
    return _settled(hostname, now, lambda latest: set(latest.queues) == queues)


def clear(hostname: str, now: datetime, app: str | None = None) -> None:
    """Forget a worker that is gone, and its pause. Raises `NotFound`, and `Conflict` "online"."""
    worker = find_worker(broker.client(), hostname, now, app)
    if worker.online:
        raise Conflict(_("%(name)s is online; shut it down first.", name=hostname), "online")
    with transaction():
        if worker.app is None:
            broker.resume_worker(hostname)
        kind = heartbeats.APP_WORKERS if worker.app else heartbeats.WORKERS
        heartbeats.forget(broker.client(), kind, worker.key)
        audit.record("worker.clear", now, "worker", hostname, hostname, app=worker.app)


def _obeyed(worker: Worker, now: datetime) -> Worker:
    """The worker after it has read its pause; a worker that is offline as it is known."""
    if not worker.online:
        return find_worker(broker.client(), worker.hostname, now)
    return _status(worker.hostname, now)


def _settled(hostname: str, now: datetime, done: Callable[[Worker], bool]) -> Worker:
    """The worker as soon as it says that the change is done; after two seconds, as it is then."""
    worker = _status(hostname, now)
    for _try in range(SETTLE_TRIES):
        if done(worker):
            break
        time.sleep(SETTLE_SECONDS)
        worker = _status(hostname, now)
    return worker


def _status(hostname: str, now: datetime) -> Worker:
    """The worker as it answers right now."""
    return read(call(hostname, STATUS), broker.paused_workers().get(hostname), now)


def _own(hostname: str, now: datetime) -> Worker:
    worker = find_worker(broker.client(), hostname, now)
    if worker.app:
        words = _(
            "%(worker)s is a worker of the app %(name)s: it is changed over its own broker, on that broker's "
            "page or by POST /api/v1/brokers/%(name)s/workers/….",
            worker=hostname,
            name=worker.app,
        )
        raise Conflict(words, "another-app")
    return worker


def _online(hostname: str, now: datetime) -> Worker:
    worker = _own(hostname, now)
    if not worker.online:
        raise Conflict(_("%(name)s is offline.", name=hostname), "offline")
    return worker


def _check_queues(worker: Worker, add: Sequence[str], drop: Sequence[str]) -> None:
    problems: dict[str, list[str]] = {}
    if wrong := [words for name in add if (words := queue_names.problem(name))]:
        problems["add"] = wrong
    if strange := [name for name in drop if name not in worker.queues]:
        problems["drop"] = [_("It does not listen to %(name)s.", name=name[:80]) for name in strange]
    if both := sorted(set(add) & set(drop)):
        problems.setdefault("drop", []).append(_("%(name)s is in both lists.", name=both[0]))
    if not add and not drop:
        problems["add"] = [_("Name a queue to add or to drop.")]
    if problems:
        raise Invalid(problems)


def _note(action: str, hostname: str, now: datetime, **details: Any) -> None:
    with transaction():
        audit.record(action, now, "worker", hostname, hostname, **details)
