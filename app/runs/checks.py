"""Checks that only a task's own code can make: a worker is asked before a run is sent or a schedule saved.

Where no worker can be asked, or none answers in time, the checks are made when the run starts.
"""

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from flask import current_app

from app import broker, catalog, heartbeats
from app.broker import pidbox
from app.catalog.problems import sentences
from app.catalog.published import published
from app.celery.remote_control import call_all
from app.config import settings
from app.errors import BrokerUnavailable, Invalid
from app.heartbeats import Worker
from app.heartbeats.worker import SOLO_POOL
from celeriac_agent.checks import COMMAND
from celeriac_agent.stream import to_json

ANSWER_SECONDS = 1.0
SILENCE_SECONDS = 10.0  # so long nobody is asked again after there was no answer
VALUES_MAX = 100_000  # bytes; more is looked at when the run starts
_EXTENSION = "silent_checkers"

_left: ContextVar[list[float] | None] = ContextVar("seconds_for_answers", default=None)


@dataclass(frozen=True)
class Prospect:
    """Of which parameters code checks the values, and who can be asked now; nobody is about the `secret`."""

    names: list[str]
    secret: list[str]
    workers: list[str]


@contextmanager
def within(seconds: float) -> Iterator[None]:
    """Spend no more than about so long on answers: what is not asked about is checked when its run starts."""
    token = _left.set([seconds])
    try:
        yield
    finally:
        _left.reset(token)


def prospect(info: catalog.TaskInfo, now: datetime) -> Prospect:
    """What will be checked before a run is sent."""
    checked = [parameter for parameter in info.parameters if parameter.checks]
    names = [parameter.name for parameter in checked if not parameter.secret]
    secret = [parameter.name for parameter in checked if parameter.secret]
    return Prospect(names, secret, [worker.hostname for worker in _workers(info, now)] if names else [])


def require(info: catalog.TaskInfo, args: Sequence[Any], kwargs: Mapping[str, Any], now: datetime) -> bool:
    """Raise `Invalid` by parameter for what the task's code refuses; the rest of the checks was made before.

    False where a worker should have been asked, and none could be.
    """
    checked = {parameter.name for parameter in info.parameters if parameter.checks and not parameter.secret}
    if not checked:
        return True
    bound = catalog.bind(info.parameters, args, kwargs).values
    values = {name: value for name, value in bound.items() if name in checked}
    if not values:
        return True
    answer = _asked(info, values, now) if len(to_json(values)) <= VALUES_MAX else None
    if answer is None:
        return False
    if problems := _sentences(info, values, answer.get("problems")):
        raise Invalid(problems)
    return not answer.get("unchecked")


def _asked(info: catalog.TaskInfo, values: Mapping[str, Any], now: datetime) -> Mapping[str, Any] | None:
    """What a worker answers; None without one, or without an answer."""
    silent: dict[str, float] = current_app.extensions.setdefault(_EXTENSION, {})
    app, left, asked_at = info.app_name, _left.get() or [ANSWER_SECONDS], time.monotonic()
    if silent.get(app, 0.0) > asked_at or left[0] <= 0:
        return None
    try:
        workers = _workers(info, now)
        if not workers:
            return None
        said = _say(info, workers[0].hostname, {"task_name": info.name, "values": dict(values)}, now)
    except BrokerUnavailable:
        said = None
    finally:
        left[0] -= time.monotonic() - asked_at
    answer = said.get("ok") if isinstance(said, Mapping) else None
    if isinstance(answer, Mapping):
        return answer
    silent[app] = time.monotonic() + SILENCE_SECONDS
    return None


def _say(info: catalog.TaskInfo, hostname: str, arguments: dict[str, Any], now: datetime) -> Any:
    if info.app is None:
        return call_all([hostname], COMMAND, ANSWER_SECONDS, **arguments).get(hostname)
    url = settings().brokers[info.app]
    options = published().delivery.get(info.app, {}).get("options") or {}
    app, asked = info.app, {COMMAND: arguments}
    said = pidbox.over(
        url,
        options,
        lambda connection: pidbox.ask(connection, app, asked, now, [hostname], True, ANSWER_SECONDS),
    )
    return said.get(hostname, {}).get(COMMAND)


def _workers(info: catalog.TaskInfo, now: datetime) -> list[Worker]:
    """Those that can be asked and know the task as it counts here, who is free first."""
    if info.app is not None and info.app not in settings().brokers:
        return []
    client, documents = broker.client(), published()
    counts = documents.fingerprints.get(info.key)
    try:
        workers = (
            heartbeats.app_workers(client, now, info.app) if info.app else heartbeats.workers(client, now)
        )
    except BrokerUnavailable:
        return []
    able = [
        worker
        for worker in workers
        if worker.online
        and worker.checks
        and not (worker.pool == SOLO_POOL and worker.running)
        and documents.catalogs.get(worker.catalog, {}).get(info.name) == counts
    ]
    return sorted(able, key=lambda worker: len(worker.running))


def _sentences(info: catalog.TaskInfo, values: Mapping[str, Any], answer: Any) -> dict[str, list[str]]:
    """What was told, in our words where it is of a kind that we know."""
    problems: dict[str, list[str]] = {}
    for parameter in info.parameters:
        details = answer.get(parameter.name) if isinstance(answer, Mapping) else None
        if isinstance(details, list) and parameter.name in values:
            known = [detail for detail in details if isinstance(detail, Mapping)]
            said = sentences(parameter.name, parameter.shape, values[parameter.name], known)  # type: ignore[arg-type]
            problems |= {parameter.name: said} if said else {}
    return problems
