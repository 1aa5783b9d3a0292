"""Reads the type hints of a task's function and makes pydantic adapters of them."""

import collections.abc
import inspect
import logging
import types
import typing
from dataclasses import dataclass
from enum import Enum
from functools import partial
from typing import Annotated, Any, Literal, NewType, Union, get_args, get_origin

import typing_extensions
from pydantic import (
    AfterValidator,
    BeforeValidator,
    PlainValidator,
    TypeAdapter,
    WrapValidator,
)
from typing_extensions import TypeAliasType, is_typeddict

from celeriac_agent.hints import Unresolved

logger = logging.getLogger(__name__)

EMPTY = inspect.Parameter.empty
UNIONS = (Union, types.UnionType)
SEQUENCES = (
    list,
    collections.abc.Sequence,
    collections.abc.MutableSequence,
    collections.abc.Collection,
    collections.abc.Iterable,
    collections.abc.Iterator,
)
MAPPINGS = (dict, collections.abc.Mapping, collections.abc.MutableMapping)
_NATIVES = (int, str, float, bool, types.NoneType, list, dict, object, Any, EMPTY)
_VALIDATORS = (AfterValidator, BeforeValidator, PlainValidator, WrapValidator)


@dataclass(frozen=True)
class Unwrapped:
    """A type hint without its wrapping: the type, what `Annotated` says of it, whether None is allowed."""

    core: Any
    metadata: tuple[Any, ...]
    nullable: bool


def unwrap(annotation: Any) -> Unwrapped:
    """Take off `Annotated`, `Optional`, `NewType` and type aliases, however they are nested."""
    metadata: list[Any] = []
    nullable = False
    while True:
        annotation = underlying(annotation)
        arguments = get_args(annotation)
        if get_origin(annotation) is Annotated:
            metadata = [*annotation.__metadata__, *metadata]
            annotation = annotation.__origin__
        elif get_origin(annotation) in UNIONS and types.NoneType in arguments:
            nullable = True
            annotation = Union[tuple(argument for argument in arguments if argument is not types.NoneType)]  # noqa: UP007 -- built at run time
        elif get_origin(annotation) is Literal and None in arguments:
            nullable = True
            values = tuple(value for value in arguments if value is not None)
            annotation = Literal[values] if values else types.NoneType
        else:
            return Unwrapped(annotation, tuple(metadata), nullable)


def is_native(annotation: Any) -> bool:
    """True when every value arrives from JSON as the annotated type, so that nothing is to be converted."""
    annotation, origin, arguments = underlying(annotation), get_origin(annotation), get_args(annotation)
    if origin is None:
        return isinstance(annotation, typing.TypeVar | Unresolved) or any(annotation is n for n in _NATIVES)
    if origin is Annotated:
        return not has_validators(annotation) and is_native(annotation.__origin__)
    if origin is Literal:
        return not any(isinstance(value, Enum | bytes) for value in arguments)
    if origin in UNIONS or origin in SEQUENCES:
        return all(map(is_native, arguments))
    if origin in MAPPINGS and arguments:  # JSON has string keys only
        return arguments[0] in (str, Any) and is_native(arguments[1])
    return origin in MAPPINGS


def has_validators(annotation: Any) -> bool:
    """True when functions of the author's, which may change the value, are attached to the type or in it."""
    annotation = underlying(annotation)
    metadata = getattr(annotation, "__metadata__", ())
    return any(isinstance(item, _VALIDATORS) for item in metadata) or any(
        map(has_validators, get_args(annotation))
    )


def underlying(annotation: Any) -> Any:
    """The type that a `NewType` or a type alias stands for; any other type is its own."""
    while isinstance(annotation, NewType | TypeAliasType):
        alias = isinstance(annotation, TypeAliasType)
        annotation = annotation.__value__ if alias else annotation.__supertype__  # type: ignore[union-attr]  # mypy loses the test
    return annotation


def adapter_of(annotation: Any) -> TypeAdapter[Any] | None:
    """Pydantic's validator for the type; None when pydantic does not know the type."""
    try:
        adapter: TypeAdapter[Any] = TypeAdapter(_prepared(annotation))
    except Exception as error:  # a type may bring its own code for this, which may raise anything
        logger.info("values of the type %s are not checked: %s", annotation, error)
        return None
    return adapter if adapter.pydantic_complete else None


def _prepared(annotation: Any) -> Any:
    """The same type in a spelling that pydantic can check at once and again.

    An `Iterable` would be checked only while it is read, and before Python 3.12 `typing.TypedDict`
    does not keep what pydantic needs.
    """
    if is_typeddict(annotation) and type(annotation).__module__ == "typing":
        return _typed_dict(annotation)
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return Annotated[(_prepared(annotation.__origin__), *annotation.__metadata__)]
    if origin is Literal and any(isinstance(value, Enum) for value in arguments):
        return Annotated[annotation, BeforeValidator(partial(_member, arguments))]
    if origin is None or origin is Literal or not arguments:
        return annotation
    prepared = tuple(argument if argument is Ellipsis else _prepared(argument) for argument in arguments)
    if origin in (collections.abc.Iterable, collections.abc.Iterator):
        return list[prepared]  # type: ignore[valid-type]  # built at run time
    if prepared == arguments:
        return annotation
    return Union[prepared] if origin in UNIONS else origin[prepared]  # noqa: UP007 -- built at run time


def _member(members: tuple[Any, ...], value: Any) -> Any:
    """The member of an enum that JSON writes as `value`; in a Literal, pydantic takes only the member."""
    same = (m for m in members if isinstance(m, Enum) and type(m.value) is type(value) and m.value == value)
    return next(same, value)


def _typed_dict(source: Any) -> Any:
    hints = typing.get_type_hints(source, include_extras=True)
    fields = {
        name: hint if name in source.__required_keys__ else typing_extensions.NotRequired[hint]
        for name, hint in ((name, _prepared(_unmarked(hint))) for name, hint in hints.items())
    }
    return typing_extensions.TypedDict(source.__name__, fields)  # type: ignore[operator]  # built at run time


def _unmarked(hint: Any) -> Any:
    """A TypedDict field's type without `Required[…]` or `NotRequired[…]` around it."""
    marks = (typing.Required, typing.NotRequired)
    return get_args(hint)[0] if get_origin(hint) in marks else hint
