"""The arguments of a task with their secrets hidden, and the texts that were hidden."""

from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import unquote
from weakref import WeakKeyDictionary

from celery import Task

from app.catalog.info import TaskInfo, lookup
from app.catalog.parameters import parameters_of
from app.catalog.secrets import MASK, is_masked, is_secret, mask_text
from app.celery.scrubbing import URL_PASSWORD, Secret

MAX_DEPTH = 100
_secret_names: WeakKeyDictionary[Task, tuple[frozenset[str], frozenset[str]]] = WeakKeyDictionary()


def mask(
    info: TaskInfo | None, args: Sequence[Any], kwargs: Mapping[str, Any]
) -> tuple[list[Any], dict[str, Any], list[str]]:
    """The arguments with secrets replaced by `MASK`, and the names of the parameters that hold one.

    `info` is None for a task that is not known here; only names in `kwargs` and keys then tell. Works on
    whatever a message carried, valid or not. Something is masked only when there is a value to hide:
    None, booleans and what is empty stay.
    """
    masked: list[str] = []

    def hidden(name: str, label: str, value: Any) -> Any:
        parameter = info.receiver(name) if info else None
        keys = parameter.secret_keys if parameter else frozenset()
        whole = is_secret(name) or bool(parameter and parameter.secret)
        result = _hide(value) if whole else _hide_keys(value, keys)
        if is_masked(result):
            masked.append(label)
        return result

    places = info.places(len(args)) if info else [""] * len(args)
    new_args = [
        hidden(place, place or f"args[{index}]", value)
        for index, (place, value) in enumerate(zip(places, args, strict=True))
    ]
    new_kwargs = {name: hidden(name, name, value) for name, value in kwargs.items()}
    return new_args, new_kwargs, list(dict.fromkeys(masked))


def secrets_of(task: Task, args: Sequence[Any], kwargs: Mapping[str, Any]) -> list[Secret]:
    """The texts and numbers among a task's arguments that `mask` would hide, as text, with their names."""
    if not _may_hold_secrets(task, args, kwargs):
        return []
    info = lookup(task.name, task.app)
    new_args, new_kwargs, masked = mask(info, args, kwargs)
    if not masked:
        return []
    places = info.places(len(args)) if info else [""] * len(args)
    pairs: list[tuple[str, Any, Any]] = list(zip(places, args, new_args, strict=True))
    pairs += [(name, value, new_kwargs[name]) for name, value in kwargs.items()]
    found: list[Secret] = []
    while pairs:
        name, value, shown = pairs.pop()
        if shown == MASK:
            found += [(name, str(one)) for one in _leaves(value)]
        elif isinstance(shown, Mapping):
            pairs += [(str(key), value[key], shown[key]) for key in shown]
        elif isinstance(shown, list):
            pairs += [(name, *both) for both in zip(value, shown, strict=True)]
        elif isinstance(shown, str) and shown != value:
            passwords = [match["password"] for match in URL_PASSWORD.finditer(value)]
            found += [(name, text) for one in passwords for text in {one, unquote(one)}]
    return found


def _may_hold_secrets(task: Task, args: Sequence[Any], kwargs: Mapping[str, Any]) -> bool:
    """Whether it is worth while to look closer: quick, because every run is asked."""
    try:
        names, keys = _secret_names[task]
    except KeyError:
        names, keys = _secret_names[task] = _names_of(task)
    if names and (len(args) > 0 or not names.isdisjoint(kwargs)):
        return True
    return any(_suspicious(value, keys) for value in args) or _suspicious(kwargs, keys)


def _names_of(task: Task) -> tuple[frozenset[str], frozenset[str]]:
    """The parameters that are secret by type or name, and the secret keys of models among the others."""
    parameters = parameters_of(task)
    keys = [p.secret_keys for p in parameters]
    return frozenset(p.name for p in parameters if p.secret), frozenset().union(*keys)


def _suspicious(value: Any, keys: frozenset[str], depth: int = 0) -> bool:
    if isinstance(value, str):
        return "://" in value and "@" in value
    if isinstance(value, Mapping):
        return depth > MAX_DEPTH or any(
            str(key) in keys or is_secret(str(key)) or _suspicious(item, keys, depth + 1)
            for key, item in value.items()
        )
    if isinstance(value, list | tuple):
        return depth > MAX_DEPTH or any(_suspicious(item, keys, depth + 1) for item in value)
    return False


def _leaves(value: Any) -> list[Any]:
    if isinstance(value, Mapping):
        return [leaf for item in value.values() for leaf in _leaves(item)]
    if isinstance(value, list | tuple):
        return [leaf for item in value for leaf in _leaves(item)]
    return [] if value is None or isinstance(value, bool) else [value]


def _hide(value: Any) -> Any:
    return value if isinstance(value, bool) or value in (None, "", [], {}) else MASK


def _hide_keys(value: Any, keys: frozenset[str], depth: int = 0) -> Any:
    """The same value with what lies under secret keys hidden; what is nested too deep is hidden whole."""
    if isinstance(value, str):
        return mask_text(value) if "://" in value else value
    if value is None or isinstance(value, int | float) or not isinstance(value, Mapping | list | tuple):
        return value
    if depth > MAX_DEPTH:
        return MASK
    if isinstance(value, Mapping):
        return {
            key: _hide(item) if str(key) in keys or is_secret(str(key)) else _hide_keys(item, keys, depth + 1)
            for key, item in value.items()
        }
    return [_hide_keys(item, keys, depth + 1) for item in value]
