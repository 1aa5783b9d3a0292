"""The arguments of a task with their secrets hidden, and the texts that were hidden, by the catalog."""

import logging
from collections.abc import Mapping, Sequence
from typing import Any
from weakref import WeakKeyDictionary

from celery import Task

from app.catalog.facts import in_code
from app.catalog.info import TaskInfo
from app.catalog.parameters import parameters_of
from celeriac_agent import masking
from celeriac_agent.masking import suspicious
from celeriac_agent.scrubbing import MASK, Secret

logger = logging.getLogger(__name__)

_infos: WeakKeyDictionary[Task, TaskInfo] = WeakKeyDictionary()
_secret_names: WeakKeyDictionary[Task, tuple[frozenset[str], frozenset[str]]] = WeakKeyDictionary()


def mask(
    info: TaskInfo | None, args: Sequence[Any], kwargs: Mapping[str, Any]
) -> tuple[list[Any], dict[str, Any], list[str]]:
    """The arguments with secrets replaced by `MASK`, and the names of the parameters that hold one.

    `info` is None for a task that is not known here; only names in `kwargs` and keys then tell.
    """
    return masking.mask(_places(info, args), args, kwargs, _knows(info))


def hide(
    info: TaskInfo | None, args: Sequence[Any], kwargs: Mapping[str, Any]
) -> tuple[list[Any], dict[str, Any]]:
    """The arguments as `mask` gives them, where nobody asks which hold a secret."""
    return masking.hide(_places(info, args), args, kwargs, _knows(info))


def hide_of(
    task: Task | None, args: Sequence[Any], kwargs: Mapping[str, Any]
) -> tuple[list[Any], dict[str, Any]]:
    """The same by a task whose code is loaded; what cannot be looked through is hidden whole."""
    try:
        return hide(None if task is None else _described(task), args, kwargs)
    except Exception as error:  # anybody's values
        logger.warning("the arguments of %s are not told: %s", getattr(task, "name", "?"), error)
        return [MASK] * len(args), dict.fromkeys(map(str, kwargs), MASK)


def secrets_of(task: Task, args: Sequence[Any], kwargs: Mapping[str, Any]) -> list[Secret]:
    """The texts and numbers among a task's arguments that `mask` would hide, as text, with their names."""
    if not _may_hold_secrets(task, args, kwargs):
        return []
    info = _described(task)
    return masking.secrets_in(_places(info, args), args, kwargs, _knows(info))


def _described(task: Task) -> TaskInfo:
    try:
        return _infos[task]
    except KeyError:
        return _infos.setdefault(task, in_code(task.app, task))


def _places(info: TaskInfo | None, args: Sequence[Any]) -> Sequence[str]:
    return info.places(len(args)) if info else [""] * len(args)


def _knows(info: TaskInfo | None) -> masking.Knows:
    def knows(name: str) -> tuple[bool, frozenset[str]]:
        parameter = info.receiver(name) if info else None
        return (parameter.secret, parameter.secret_keys) if parameter else (False, frozenset())

    return knows


def _may_hold_secrets(task: Task, args: Sequence[Any], kwargs: Mapping[str, Any]) -> bool:
    """Whether it is worth while to look closer: quick, because every run is asked."""
    try:
        names, keys = _secret_names[task]
    except KeyError:
        names, keys = _secret_names[task] = _names_of(task)
    if names and (len(args) > 0 or not names.isdisjoint(kwargs)):
        return True
    return any(suspicious(value, keys) for value in args) or suspicious(kwargs, keys)


def _names_of(task: Task) -> tuple[frozenset[str], frozenset[str]]:
    """The parameters that are secret by type or name, and the secret keys of models among the others."""
    parameters = parameters_of(task)
    keys = [p.secret_keys for p in parameters]
    return frozenset(p.name for p in parameters if p.secret), frozenset().union(*keys)
