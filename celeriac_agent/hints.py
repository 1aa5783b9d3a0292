"""The type hints of a task's function; one that cannot be read spoils no other."""

import inspect
import types
import typing
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Unresolved:
    """Stands for a type hint that names something that cannot be found."""

    text: str


def hints_of(function: Callable[..., Any]) -> Mapping[str, Any]:
    """The type hints by parameter name, strings resolved; `Unresolved` where that is impossible."""
    plain = inspect.unwrap(function)
    plain = getattr(plain, "__func__", plain)
    try:
        return typing.get_type_hints(plain, include_extras=True)
    except Exception:  # a hint may run any code; one bad hint must not spoil the others
        return {name: _resolved(name, hint, plain) for name, hint in _raw_hints(plain).items()}


def _raw_hints(function: Callable[..., Any]) -> Mapping[str, Any]:
    try:
        return dict(getattr(function, "__annotations__", {}))
    except NameError:  # Python 3.14 evaluates hints only now
        return {}


def _resolved(name: str, hint: Any, function: Callable[..., Any]) -> Any:
    holder = types.SimpleNamespace(__annotations__={name: hint})
    try:
        return typing.get_type_hints(holder, getattr(function, "__globals__", {}), include_extras=True)[name]
    except Exception:
        return Unresolved(hint if isinstance(hint, str) else repr(hint))
