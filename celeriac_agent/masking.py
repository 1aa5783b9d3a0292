"""The arguments of a run with their secrets hidden, and the texts that were hidden."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any
from urllib.parse import unquote

from celeriac_agent.scrubbing import URL_PASSWORD, Secret
from celeriac_agent.secrets import MASK, is_masked, is_secret, mask_text

MAX_DEPTH = 100
_LISTS = (list, tuple)
_NO_TEXT = frozenset({int, float, bool, type(None)})
# Of the parameter that takes a name or stands in a place: whether it is secret, and keys in it that are.
Knows = Callable[[str], tuple[bool, frozenset[str]]]


def mask(
    places: Sequence[str], args: Sequence[Any], kwargs: Mapping[str, Any], knows: Knows
) -> tuple[list[Any], dict[str, Any], list[str]]:
    """The arguments with secrets replaced by `MASK`, and the names of the parameters that hold one.

    `places` names the parameter of each positional argument, "" where that is not known. Works on whatever a
    message carried, valid or not. Something is masked only when there is a value to hide: None, booleans and
    what is empty stay.
    """
    new_args, new_kwargs = hide(places, args, kwargs, knows)
    labels = [place or f"args[{index}]" for index, place in enumerate(places)]
    pairs = (*zip(labels, new_args, strict=True), *new_kwargs.items())
    masked = [label for label, value in pairs if is_masked(value)]
    return new_args, new_kwargs, list(dict.fromkeys(masked))


def by_names(
    task_name: str, args: Sequence[Any], kwargs: Mapping[str, Any]
) -> tuple[list[Any], dict[str, Any]]:
    """The arguments of a task of which nothing is known, with secrets masked by their names alone."""
    return hide([""] * len(args), args, kwargs, lambda name: (False, frozenset()))


def hide(
    places: Sequence[str], args: Sequence[Any], kwargs: Mapping[str, Any], knows: Knows
) -> tuple[list[Any], dict[str, Any]]:
    """The arguments as `mask` gives them; to look which hold a secret would take as long again."""

    def hidden(name: str, value: Any) -> Any:
        secret, keys = knows(name)
        return _hide(value) if secret or is_secret(name) else _hide_keys(value, keys)

    new_args = [hidden(place, value) for place, value in zip(places, args, strict=True)]
    return new_args, {name: hidden(name, value) for name, value in kwargs.items()}


def secrets_in(
    places: Sequence[str], args: Sequence[Any], kwargs: Mapping[str, Any], knows: Knows
) -> list[Secret]:
    """The texts and numbers among the arguments that `mask` would hide, as text, with their names."""
    new_args, new_kwargs, masked = mask(places, args, kwargs, knows)
    if not masked:
        return []
    pairs: list[tuple[str, Any, Any]] = list(zip(places, args, new_args, strict=True))
    pairs += [(name, value, new_kwargs[name]) for name, value in kwargs.items()]
    secrets: list[Secret] = []
    while pairs:
        name, value, shown = pairs.pop()
        if shown == MASK:
            secrets += [(name, str(leaf)) for leaf in _leaves(value)]
        elif isinstance(shown, Mapping):
            pairs += [(str(key), value[key], shown[key]) for key in shown]
        elif isinstance(shown, list):
            pairs += [(name, *both) for both in zip(value, shown, strict=True)]
        elif isinstance(shown, str) and shown != value:
            passwords = [match["password"] for match in URL_PASSWORD.finditer(value)]
            secrets += [(name, text) for password in passwords for text in {password, unquote(password)}]
    return secrets


def suspicious(value: Any, keys: frozenset[str], depth: int = 0) -> bool:
    """Whether a value may hold a secret by its keys, or the password of a URL."""
    kind = type(value)  # asked first: what JSON has is most, and to ask about Mapping takes long
    if kind in _NO_TEXT:
        return False
    if kind is str or isinstance(value, str):
        return "://" in value and "@" in value
    is_list = kind is list or isinstance(value, _LISTS)
    if not is_list and kind is not dict and not isinstance(value, Mapping):
        return False
    if depth > MAX_DEPTH:
        return True
    if not is_list:
        for key in value:
            if (name := str(key)) in keys or is_secret(name):
                return True
    for item in value if is_list else value.values():
        if type(item) not in _NO_TEXT and suspicious(item, keys, depth + 1):
            return True
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
    kind = type(value)  # asked first: what JSON has is most, and to ask about Mapping takes long
    if kind in _NO_TEXT:
        return value
    if kind is str or isinstance(value, str):
        return mask_text(value) if "://" in value else value
    is_list = kind is list or isinstance(value, _LISTS)
    if not is_list and kind is not dict and not isinstance(value, Mapping):
        return value
    if depth > MAX_DEPTH:
        return MASK
    if not is_list:
        return {
            key: _hide(item) if is_secret(str(key)) or str(key) in keys else _hide_keys(item, keys, depth + 1)
            for key, item in value.items()
        }
    return [
        item
        if (kind := type(item)) in _NO_TEXT or (kind is str and "://" not in item)
        else _hide_keys(item, keys, depth + 1)
        for item in value
    ]
