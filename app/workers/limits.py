"""Rate and time limits of a task, changed on the workers that run and kept for those to come."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from flask_babel import gettext as _

from app import audit, broker, catalog
from app.broker.connection import reaches_broker
from app.celery import limits
from app.celery.remote import LIMIT
from app.celery.remote_control import call_all
from app.errors import Conflict, Invalid
from app.extensions import transaction
from app.heartbeats import workers

NAMES = ("rate_limit", "time_limit", "soft_time_limit")
_TIMING_POOLS = ("prefork",)  # the others ignore time limits, or all but the hard one
LONGEST_SECONDS = 366 * 86400
_RATE = re.compile(r"\d{1,9}(\.\d{1,6})?(/[smh])?")


@dataclass(frozen=True)
class Limited:
    """The limits of a task from now on, and what each online worker answered: "" when it obeys."""

    task_name: str
    rate_limit: str | None
    time_limit: float | None
    soft_time_limit: float | None
    workers: dict[str, str]


def limits_of(task_name: str) -> dict[str, Any]:
    """The limits of a task by name: those that people set, else its own. Raises `NotFound`."""
    info = catalog.find(task_name)
    if info.app:
        words = _(
            "%(task)s is a task of the app %(name)s: its limits are set on the page of that broker.",
            task=task_name,
            name=info.app,
        )
        raise Conflict(words, "another-app")
    own = {name: getattr(info, name) for name in NAMES}
    return own | limits.kept(broker.client()).get(task_name, {})


@reaches_broker
def in_force(task: catalog.TaskInfo) -> catalog.TaskInfo:
    """The task with the limits that people set in place of its own."""
    return task if task.app else replace(task, **limits.kept(broker.client()).get(task.name, {}))


@reaches_broker
def all_in_force(tasks: Sequence[catalog.TaskInfo]) -> list[catalog.TaskInfo]:
    """The same for many tasks, with one question."""
    kept = limits.kept(broker.client())
    return [task if task.app else replace(task, **kept.get(task.name, {})) for task in tasks]


def set_limits(task_name: str, changes: dict[str, Any], now: datetime) -> Limited:
    """Change some limits (`changes`); None lifts one. Raises `NotFound` and `Invalid`."""
    before = limits_of(task_name)
    new_limits = before | changes
    check_limits(changes, new_limits)
    client = broker.client()
    with transaction():
        limits.keep(client, task_name, limits.kept(client).get(task_name, {}) | changes)
        audit.record("task.limits", now, "task", task_name, task_name, diff=_diff(before, changes))
    return Limited(task_name=task_name, **new_limits, workers=_send(changes, now))


def _send(changes: dict[str, Any], now: datetime) -> dict[str, str]:
    online = [worker for worker in workers(broker.client(), now) if worker.online]
    answers = call_all([worker.hostname for worker in online], LIMIT)
    outcomes = {}
    for worker in online:
        answer = answers.get(worker.hostname)
        if answer is None:
            outcomes[worker.hostname] = _("It did not answer; it takes the limit over when it starts again.")
        elif "ok" not in answer:
            outcomes[worker.hostname] = str(answer.get("error", answer))
        elif not obeys_time_limits(worker.pool) and {"time_limit", "soft_time_limit"} & set(changes):
            outcomes[worker.hostname] = _("Its pool %(pool)s does not obey time limits.", pool=worker.pool)
        else:
            outcomes[worker.hostname] = ""
    return outcomes


def obeys_time_limits(pool: str) -> bool:
    """Whether a pool of this kind does."""
    return pool in _TIMING_POOLS


def check_limits(changes: dict[str, Any], new_limits: dict[str, Any]) -> None:
    """Raise `Invalid` by limit for changes that cannot be, or do not go with the other `new_limits`."""
    problems: dict[str, list[str]] = {}
    rate = changes.get("rate_limit")
    if rate is not None and not _RATE.fullmatch(rate):
        problems["rate_limit"] = [_("Give a number a second, minute or hour: 10/s, 100/m, 1000/h.")]
    for name in NAMES[1:]:
        value = changes.get(name)
        if value is not None and not 0 < value <= LONGEST_SECONDS:
            problems[name] = [_("Give a number of seconds above 0, at most a year.")]
    soft, hard = new_limits["soft_time_limit"], new_limits["time_limit"]
    if not problems and soft is not None and hard is not None and soft >= hard:
        problems["soft_time_limit"] = [
            _("The soft limit comes first: give fewer than %(hard)s s.", hard=f"{hard:g}")
        ]
    if not changes:
        problems["rate_limit"] = [_("Give at least one limit.")]
    if problems:
        raise Invalid(problems)


def _diff(before: dict[str, Any], changes: dict[str, Any]) -> dict[str, list[Any]]:
    return {name: [before[name], value] for name, value in changes.items() if before[name] != value}
