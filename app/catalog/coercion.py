"""Turns the JSON arguments of a message into the annotated Python types, when a task runs."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, get_origin
from weakref import WeakKeyDictionary

from celery import Task
from flask_babel import gettext as _
from pydantic import TypeAdapter, ValidationError
from typing_extensions import is_typeddict

from app.catalog.annotations import has_validators
from app.catalog.parameters import Parameter, parameters_of
from app.catalog.problems import messages

Convert = Callable[[Any], Any]


@dataclass(frozen=True)
class _Conversions:
    """How each argument is converted; None where nothing is to be done."""

    places: list[Convert | None]
    names: dict[str, Convert | None]
    rest: Convert | None
    others: Convert | None


_cache: WeakKeyDictionary[Task, _Conversions | None] = WeakKeyDictionary()


def coerce(task: Task, args: Sequence[Any], kwargs: Mapping[str, Any]) -> tuple[Any, Any]:
    """The arguments with dates, paths, enums, models … made from their JSON form.

    Values that have the right type already stay as they are, and so do bounds on plain numbers and text: a
    caller of `delay()` answers for those. A task that takes only such values gets the same objects back.
    Raises ValueError naming the parameter; the message does not quote the value.
    """
    try:
        conversions = _cache[task]
    except KeyError:
        conversions = _cache[task] = _conversions(parameters_of(task))
    if conversions is None:
        return args, kwargs
    return _convert_args(conversions, args), _convert_kwargs(conversions, kwargs)


def _conversions(parameters: Sequence[Parameter]) -> _Conversions | None:
    converting = {p.name: _converter(p, p.adapter) for p in parameters if p.adapter and not p.native}
    if not converting:
        return None
    return _Conversions(
        places=[converting.get(p.name) for p in parameters if p.positional],
        names={
            p.name: converting.get(p.name) for p in parameters if not p.variadic and not p.positional_only
        },
        rest=next((converting.get(p.name) for p in parameters if p.takes_rest), None),
        others=next((converting.get(p.name) for p in parameters if p.takes_extra), None),
    )


def _convert_args(conversions: _Conversions, args: Sequence[Any]) -> list[Any]:
    count = len(conversions.places)
    placed = zip(conversions.places, args, strict=False)
    converted = [convert(value) if convert else value for convert, value in placed]
    rest = list(args[count:])
    return converted + (conversions.rest(rest) if conversions.rest and rest else rest)


def _convert_kwargs(conversions: _Conversions, kwargs: Mapping[str, Any]) -> dict[str, Any]:
    others = {name: value for name, value in kwargs.items() if name not in conversions.names}
    named = {name: value for name, value in kwargs.items() if name in conversions.names}
    for name, value in named.items():
        if convert := conversions.names[name]:
            named[name] = convert(value)
    return named | (conversions.others(others) if conversions.others and others else others)


def _converter(parameter: Parameter, adapter: TypeAdapter[Any]) -> Convert:
    always = has_validators(parameter.annotation)
    simple = _simple_class(parameter.shape.core)

    def convert(value: Any) -> Any:
        if not always and (isinstance(value, simple) or _is_right(adapter, value)):
            return value
        try:
            text = json.dumps(value)
        except (TypeError, ValueError):  # it holds Python values already: an eager call, or kombu's own types
            text = None
        try:
            return adapter.validate_python(value) if text is None else adapter.validate_json(text)
        except ValidationError as error:
            problem = " ".join(messages(parameter.name, parameter.shape, value, error))
        raise ValueError(
            _("The argument %(name)s does not fit: %(problem)s", name=parameter.name, problem=problem)
        )

    return convert


def _is_right(adapter: TypeAdapter[Any], value: Any) -> bool:
    """True when the value is what its conversion would give: a list of dates, not one of texts."""
    try:
        same = adapter.validate_python(value, strict=True)
    except ValidationError:
        return False
    return type(same) is type(value) and bool(same == value)


def _simple_class(core: Any) -> type | tuple[()]:
    """The class whose instances are right as they are; none for generic types, whose items count as well."""
    return core if isinstance(core, type) and not get_origin(core) and not is_typeddict(core) else ()
