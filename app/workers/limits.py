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
from app.errors import Conflict, Invalid
from app.extensions import transaction
from app.heartbeats import workers
from app.workers.remote_control import call_all

NAMES = ("rate_limit", "time_limit", "soft_time_limit")
TIMING_POOLS = ("prefork",)  # the others ignore time limits, or all but the hard one
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
            "%(task)s is a task of the app %(name)s: its limits are set there.", task=task_name, name=info.app
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


def set_limits(task_name: str, given: dict[str, Any], now: datetime) -> Limited:
    """Change the limits that are `given`; None lifts one. Raises `NotFound` and `Invalid`."""
    wanted = limits_of(task_name) | given
    _check(given, wanted)
    client = broker.client()
    with transaction():
        limits.keep(client, task_name, limits.kept(client).get(task_name, {}) | given)
        audit.record("task.limits", now, "task", task_name, task_name, **_words(given))
    return Limited(task_name=task_name, **wanted, workers=_tell(given, now))


def _tell(given: dict[str, Any], now: datetime) -> dict[str, str]:
    online = [one for one in workers(broker.client(), now) if one.online]
    answers = call_all([one.hostname for one in online], LIMIT)
    said = {}
    for worker in online:
        answer = answers.get(worker.hostname)
        if answer is None:
            said[worker.hostname] = _("It did not answer; it takes the limit over when it starts again.")
        elif "ok" not in answer:
            said[worker.hostname] = str(answer.get("error", answer))
        elif worker.pool not in TIMING_POOLS and {"time_limit", "soft_time_limit"} & set(given):
            said[worker.hostname] = _("Its pool %(pool)s does not obey time limits.", pool=worker.pool)
        else:
            said[worker.hostname] = ""
    return said


def _check(given: dict[str, Any], wanted: dict[str, Any]) -> None:
    problems: dict[str, list[str]] = {}
    rate = given.get("rate_limit")
    if rate is not None and not _RATE.fullmatch(rate):
        problems["rate_limit"] = [_("Give a number a second, minute or hour: 10/s, 100/m, 1000/h.")]
    for name in NAMES[1:]:
        value = given.get(name)
        if value is not None and not 0 < value <= LONGEST_SECONDS:
            problems[name] = [_("Give a number of seconds above 0, at most a year.")]
    soft, hard = wanted["soft_time_limit"], wanted["time_limit"]
    if not problems and soft is not None and hard is not None and soft >= hard:
        problems["soft_time_limit"] = [
            _("The soft limit comes first: give fewer than %(hard)s s.", hard=f"{hard:g}")
        ]
    if not given:
        problems["rate_limit"] = [_("Give at least one limit.")]
    if problems:
        raise Invalid(problems)


def _words(given: dict[str, Any]) -> dict[str, Any]:
    return {name: "none" if value is None else value for name, value in given.items()}
