"""Changes to the workers of another app, by Celery's own remote control over that app's broker.

Allowed where an admin allowed changes to the broker, or the worker was started to be managed from here. Each
is confirmed by the worker's answer. What is changed holds until the worker restarts, but for the pause of one
that is managed.
"""

import json
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from flask_babel import gettext as _

from app import audit, broker, catalog, heartbeats, queue_names
from app.broker import pidbox
from app.brokers import places, workers
from app.brokers.places import Place
from app.brokers.workers import STOPPED, ForeignWorker
from app.errors import Conflict, Invalid, NotFound
from app.extensions import transaction
from app.workers.control import SLOTS_MAX
from app.workers.limits import NAMES as LIMITS
from app.workers.limits import check_limits, obeys_time_limits
from celeriac_agent.presence import PAUSE

ANSWER_SECONDS = 3.0
RESIZED = "celeriac:resized:"  # and an app and hostname: the size that a pool was just given
SETTLE_TRIES, SETTLE_SECONDS = 16, 0.25
FORKS_SECONDS = 10  # Celery looks every five seconds whether processes are missing
PREFORK = "prefork"


@dataclass(frozen=True)
class Worker:
    """A worker as it answers right now, and what its agent `told` where it was started to be managed.

    `refusal` says why nothing may be changed, empty where it may.
    """

    found: ForeignWorker
    place: Place
    told: heartbeats.Worker | None
    refusal: str

    def __getattr__(self, name: str) -> Any:
        return getattr(self.found, name)

    @property
    def obeys_pauses(self) -> bool:
        """Whether it looks for its pause, and that may be said."""
        return self.told is not None and PAUSE in self.told.obeys and self.place.may_change

    @property
    def fixed(self) -> str:
        """Why its pool keeps its size; empty where that can be changed."""
        if self.found.pool != PREFORK:
            return _("A pool of the kind %(pool)s cannot be resized from here.", pool=self.found.pool)
        return ""


def look(name: str, hostname: str, now: datetime) -> Worker:
    """One worker, asked now, with the slots that it was last given.

    Raises `NotFound`, and `Conflict` "no-answer" for one that says nothing.
    """
    place = places.find(name)
    found = workers.ask_one(place, hostname, now)
    told = _told(place, hostname, now)
    if found is None:
        if told is None and hostname not in workers.heard(place, now):
            raise NotFound(_("There is no worker %(name)s.", name=hostname[:80]))
        raise _silent(hostname)
    given: Any = broker.client().get(f"{RESIZED}{name} {hostname}")
    if given is not None and found.slots is not None:
        found = replace(found, slots=int(given))
    refusal = "" if place.may_change or told else _refusal(place)
    return Worker(found, place, told, refusal)


def resize(name: str, hostname: str, size: int, now: datetime) -> Worker:
    """Give its pool so many slots, or at most so many where it scales by itself.

    Raises `Invalid`, `NotFound`, and `Conflict`: "read-only", "no-answer", "unsupported", "refused".
    """
    if isinstance(size, bool) or not isinstance(size, int) or not 1 <= size <= SLOTS_MAX:
        raise Invalid({"size": [_("Give a number of slots from 1 to %(most)s.", most=SLOTS_MAX)]})
    worker = _changeable(name, hostname, now)
    if worker.fixed:
        raise Conflict(worker.fixed, "unsupported")
    slots, place = int(worker.slots or 0), worker.place
    if worker.autoscale:
        _call(place, hostname, now, "autoscale", max=size, min=min(size, worker.autoscale[0]))
    elif size > slots:
        _call(place, hostname, now, "pool_grow", n=size - slots)
    for _slot in range(0 if worker.autoscale else slots - size):
        _call(place, hostname, now, "pool_shrink", n=1)  # one by one: refused in the midst, it miscounts
    if not worker.autoscale:
        broker.client().set(f"{RESIZED}{name} {hostname}", size, ex=FORKS_SECONDS)
    _note("worker.pool", name, hostname, now, before=slots, size=size)
    return look(name, hostname, now)


def change_queues(name: str, hostname: str, add: Sequence[str], drop: Sequence[str], now: datetime) -> Worker:
    """Let it listen to more queues, or to some no longer. Raises like `resize`."""
    worker = _changeable(name, hostname, now)
    problems: dict[str, list[str]] = {}
    if wrong := [words for queue in add if (words := queue_names.problem(queue))]:
        problems["add"] = wrong
    if strange := [queue for queue in drop if queue not in worker.queues]:
        problems["drop"] = [_("It does not listen to %(name)s.", name=queue[:80]) for queue in strange]
    if not add and not drop:
        problems["add"] = [_("Name a queue to add or to drop.")]
    if problems:
        raise Invalid(problems)
    for queue in add:
        _call(worker.place, hostname, now, "add_consumer", queue=queue)
    for queue in drop:
        _call(worker.place, hostname, now, "cancel_consumer", queue=queue)
    _note("worker.queues", name, hostname, now, add=list(add) or None, drop=list(drop) or None)
    return _settled(name, hostname, now, (set(worker.queues) | set(add)) - set(drop))


def pause(name: str, hostname: str, by: str, note: str, now: datetime) -> Worker:
    """Let it take nothing more; what it has goes on. Raises like `resize`.

    A worker that is managed obeys until it is resumed, also after a restart.
    """
    worker = _changeable(name, hostname, now)
    if worker.obeys_pauses:
        with places.modes_at(worker.place):
            broker.pause_worker(hostname, by, note, now)
    elif worker.queues:
        before = workers.stopped(worker.place).get(hostname, {})
        # Paused already, and listening again to some: it was given a queue since, or did not obey for all.
        aside = before.get("queues", []) if before.get("pid") == worker.pid else []
        queues = {queue["queue"]: queue for queue in (*aside, *worker.consumed)}
        kept = {"by": by, "note": note, "at": now.timestamp(), "pid": worker.pid}
        kept["queues"] = list(queues.values())
        broker.client().hset(STOPPED + name, hostname, json.dumps(kept))
        for queue in worker.queues:
            _call(worker.place, hostname, now, "cancel_consumer", queue=queue)
    _note("worker.pause", name, hostname, now, note=note or None)
    consumes_on = worker.obeys_pauses and worker.place.on_redis  # and is given nothing
    return _settled(name, hostname, now, set(worker.queues) if consumes_on else set())


def resume(name: str, hostname: str, now: datetime) -> Worker:
    """Let it take from its queues again. Raises like `resize`."""
    worker = _changeable(name, hostname, now)
    queues = set(worker.queues)
    if worker.told and worker.obeys_pauses:
        with places.modes_at(worker.place):
            broker.resume_worker(hostname)
            queues |= set(worker.told.queues) - broker.paused().keys()
    stopped = workers.stopped(worker.place).get(hostname, {}).get("queues", ())
    for queue in stopped:
        _call(worker.place, hostname, now, "add_consumer", **queue)
    broker.client().hdel(STOPPED + name, hostname)
    _note("worker.resume", name, hostname, now)
    return _settled(name, hostname, now, queues | {queue["queue"] for queue in stopped})


def shutdown(name: str, hostname: str, now: datetime) -> ForeignWorker:
    """Let it finish what runs, take nothing more, and leave, without an answer; returns what it ran."""
    worker = _changeable(name, hostname, now)
    pidbox.over(
        worker.place.url,
        worker.place.options,
        lambda connection: pidbox.tell(connection, "shutdown", to=[hostname]),
    )
    broker.client().delete(f"{RESIZED}{name} {hostname}")
    running = [run["id"] for run in worker.running]
    _note("worker.shutdown", name, hostname, now, running=running or None)
    return worker.found


def set_limits(name: str, task_name: str, changes: dict[str, Any], now: datetime) -> dict[str, str]:
    """Limit a task on every worker of the app that runs now, until it restarts; what each answered.

    Raises `Invalid`, and `Conflict` "read-only" or "no-answer".
    """
    places.require_changes(name)
    place = places.find(name)
    if not task_name:
        raise Invalid({"task_name": [_("Name a task.")]})
    check_limits(changes, {"time_limit": None, "soft_time_limit": None} | changes)
    info = catalog.lookup(task_name, app=name)
    commands: dict[str, dict[str, Any]] = {}
    if "rate_limit" in changes:
        commands["rate_limit"] = {"task_name": task_name, "rate_limit": changes["rate_limit"] or 0}
    if {"time_limit", "soft_time_limit"} & set(changes):
        both = {
            limit: changes.get(limit, getattr(info, limit, None))
            for limit in ("time_limit", "soft_time_limit")
        }
        hard, soft = both["time_limit"], both["soft_time_limit"]  # Celery's command sets both
        commands["time_limit"] = {"task_name": task_name, "hard": hard, "soft": soft}
    online = {one.hostname: one for one in workers.ask(place, now).workers if one.answered}
    if not online:
        raise Conflict(_("No worker of %(name)s answered, so nothing was changed.", name=name), "no-answer")
    said = _said(place, list(online), commands, now)
    with transaction():
        audit.record("task.limits", now, "task", task_name, task_name, broker=name, limits=changes)
    return {hostname: _outcome(one, said.get(hostname, {}), commands) for hostname, one in online.items()}


def limits_in_code(name: str, task_name: str) -> dict[str, str]:
    """What the task says itself, as a form shows it; empty where it is not known here."""
    info = catalog.lookup(task_name, app=name)
    in_code = {limit: getattr(info, limit, None) for limit in LIMITS}
    return {
        limit: "" if value is None else f"{value:.10g}" if limit != "rate_limit" else value
        for limit, value in in_code.items()
    }


def _outcome(worker: ForeignWorker, said: dict[str, Any], commands: dict[str, Any]) -> str:
    for command in commands:
        answer = said.get(command)
        if not isinstance(answer, dict):
            return _("It did not answer.")
        if "ok" not in answer:
            return str(answer.get("error", answer))
    if "time_limit" in commands and not obeys_time_limits(worker.pool):
        return _("Its pool %(pool)s does not obey time limits.", pool=worker.pool)
    return ""


def _settled(name: str, hostname: str, now: datetime, queues: set[str]) -> Worker:
    """The worker as soon as it takes from these queues: some loops turn only after they have answered."""
    for _try in range(SETTLE_TRIES):
        latest = look(name, hostname, now)
        if set(latest.queues) == queues:
            break
        time.sleep(SETTLE_SECONDS)
    return latest


def _changeable(name: str, hostname: str, now: datetime) -> Worker:
    worker = look(name, hostname, now)
    if worker.refusal:
        raise Conflict(worker.refusal, "read-only")
    return worker


def _told(place: Place, hostname: str, now: datetime) -> heartbeats.Worker | None:
    """What it told, where it was started with `CELERIAC_AGENT_MANAGE=1`."""
    theirs = heartbeats.app_workers(broker.client(), now, place.name)
    return next((one for one in theirs if one.hostname == hostname and one.obeys), None)


def _refusal(place: Place) -> str:
    return _(
        "Its broker, %(name)s, is only looked at. An admin may allow changes on that broker's page, or the "
        "worker is started with CELERIAC_AGENT_MANAGE=1.",
        name=place.name,
    )


def _call(place: Place, hostname: str, now: datetime, command: str, **arguments: Any) -> Any:
    """What it answers. Raises `Conflict` "no-answer" or "refused" with its words."""
    answer = _said(place, [hostname], {command: arguments}, now).get(hostname, {}).get(command)
    if not isinstance(answer, dict):
        raise _silent(hostname)
    if "ok" not in answer:
        words = str(answer.get("error", answer))
        raise Conflict(_("%(name)s refused: %(words)s", name=hostname, words=words), "refused")
    return answer["ok"]


def _said(place: Place, hostnames: list[str], commands: pidbox.Commands, now: datetime) -> dict[str, Any]:
    def ask(connection: Any) -> dict[str, Any]:
        return pidbox.ask(connection, place.name, commands, now, hostnames, True, ANSWER_SECONDS)

    return pidbox.over(place.url, place.options, ask)


def _silent(hostname: str) -> Conflict:
    return Conflict(
        _(
            "%(name)s did not answer, so nothing was changed. A solo worker answers only between tasks.",
            name=hostname,
        ),
        "no-answer",
    )


def _note(action: str, name: str, hostname: str, now: datetime, **details: Any) -> None:
    workers.forget_answers(name)
    with transaction():
        audit.record(action, now, "worker", hostname, hostname, broker=name, **details)
