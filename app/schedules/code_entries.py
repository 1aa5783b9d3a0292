"""Celery's own `beat_schedule` entries, read as definitions; what has no exact equal is refused in words."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from celery import Celery
from celery.schedules import crontab, schedule, solar
from flask_babel import lazy_gettext as _l

from app import queue_names
from app.broker.priority import HIGHEST
from app.schedules import celery_crontab
from app.schedules.celery_crontab import NoEqual
from app.schedules.definition import Definition
from app.schedules.timing import TimingError
from app.schedules.validation import NAME_LENGTH
from celeriac_agent.stream import to_json

VARIABLES = ("beat_schedule", "CELERY_BEAT_SCHEDULE")
_OPTIONS = ("queue", "priority", "expires")


@dataclass(frozen=True)
class CodeProblem:
    """An entry that cannot be taken over; `key` is its name in the code."""

    key: str
    message: Any


@dataclass(frozen=True)
class CodeEntries:
    """What the code defines, by the entries' names; `whole` is False when a module could not be imported."""

    definitions: dict[str, Definition]
    problems: list[CodeProblem]
    whole: bool


def read(
    celery_app: Celery, modules: Iterable[Any], timezone: str, now: datetime, whole: bool
) -> CodeEntries:
    """The entries of the Celery configuration and of modules' variables, in the deployment's zone.

    An entry of a module takes the place of one of the configuration with the same name.
    """
    beat_schedule: dict[str, Any] = dict(celery_app.conf.beat_schedule or {})
    for module in modules:
        for variable in VARIABLES:
            entries = getattr(module, variable, None)
            if isinstance(entries, Mapping):
                beat_schedule |= {str(key): entry for key, entry in entries.items()}
    definitions, problems = {}, []
    for key, entry in beat_schedule.items():
        try:
            definitions[key] = _definition(key, entry, timezone, now)
        except TimingError as refused:
            problems.append(CodeProblem(key, refused.sentence))
        except NoEqual as refused:
            problems.append(CodeProblem(key, refused.args[0]))
        except Exception as error:  # an entry is anybody's code
            problems.append(CodeProblem(key, f"{type(error).__name__}: {error}"))
    return CodeEntries(definitions, problems, whole)


def _definition(key: str, entry: Any, timezone: str, now: datetime) -> Definition:
    if not isinstance(entry, Mapping) or not isinstance(entry.get("task"), str):
        raise NoEqual(_l("An entry needs a task and a schedule."))
    if not 1 <= len(key) <= NAME_LENGTH:
        raise NoEqual(_l("The name of an entry has at most %(n)s characters.", n=NAME_LENGTH))
    return Definition(
        name=key,
        task_name=entry["task"],
        timezone=timezone,
        args=_plain(list(entry.get("args") or ())),
        kwargs=_plain(dict(entry.get("kwargs") or {})),
        **_timing(entry.get("schedule"), timezone, now),
        **_options(dict(entry.get("options") or {})),
    )


def _plain(value: Any) -> Any:
    """The value as it arrives at the task; dates become text, as in a message."""
    return json.loads(to_json(value))


def _timing(value: Any, timezone: str, now: datetime) -> dict[str, Any]:
    if isinstance(value, crontab):
        return {"task_type": "cron", "cron_schedule": celery_crontab.expression(value, timezone, now)}
    if isinstance(value, solar):
        raise NoEqual(_l("Sunrise and sunset are not times that a schedule can have here."))
    if type(value) is schedule:
        value = value.run_every
    if isinstance(value, timedelta):
        value = value.total_seconds()
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise NoEqual(_l("A schedule of the kind %(kind)s is not known here.", kind=type(value).__name__))
    if value < 1 or value != int(value):
        raise NoEqual(_l("An interval takes whole seconds, from 1 on."))
    return {"task_type": "interval", "interval_seconds": int(value)}


def _priority(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= HIGHEST:
        raise NoEqual(_l("Give a priority from 0 to 9; 9 is the most urgent."))
    return value


def _options(options: dict[str, Any]) -> dict[str, Any]:
    if unknown := sorted(set(options) - set(_OPTIONS)):
        raise NoEqual(_l("These options are not known here: %(names)s.", names=", ".join(map(str, unknown))))
    own_options: dict[str, Any] = {"queue": options.get("queue")}
    if own_options["queue"] is not None and (wrong := queue_names.problem(own_options["queue"])):
        raise NoEqual(wrong)
    if options.get("priority") is not None:
        own_options["priority"] = _priority(options["priority"])
    expires = options.get("expires")
    if isinstance(expires, timedelta):
        expires = expires.total_seconds()
    if expires is not None and (isinstance(expires, bool) or not isinstance(expires, int | float)):
        raise NoEqual(_l("expires takes a number of seconds here."))
    return own_options | ({"message_ttl_seconds": int(expires)} if expires else {})
