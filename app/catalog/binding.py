"""Which value goes to which parameter, as Python's call rules have it, and back again."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from flask_babel import gettext as _
from flask_babel import ngettext

from app.catalog.parameters import NO_VALUE, Parameter


@dataclass(frozen=True)
class Arguments:
    """Plain JSON arguments, ready to be sent as a Celery message."""

    args: list[Any] = field(default_factory=list)
    kwargs: dict[str, Any] = field(default_factory=dict)


@dataclass
class Bound:
    """Values by parameter name, `*args` and `**kwargs` collected; and what did not fit."""

    values: dict[str, Any] = field(default_factory=dict)
    errors: dict[str, list[str]] = field(default_factory=dict)


def bind(parameters: Sequence[Parameter], args: Sequence[Any], kwargs: Mapping[Any, Any]) -> Bound:
    """Give every argument to its parameter.

    Names are more generous than in Python, since a form, a schema and an operator know only names: a
    positional-only parameter may be given by name, and `*args` by its name with a list. The name of a
    `**kwargs` parameter is not special: a key of that name is one of its keys.
    """
    bound = Bound()
    _bind_places(bound, parameters, args)
    by_name = {p.name: p for p in parameters if not p.takes_extra}
    extra = next((p for p in parameters if p.takes_extra), None)
    for name, value in kwargs.items():
        if not isinstance(name, str):
            bound.errors["kwargs"] = [_("The names of arguments must be text.")]
        elif name in by_name and name in bound.values:
            bound.errors[name] = [_("Given twice: by its place and by its name.")]
        elif name in by_name:
            bound.values[name] = value
        elif extra:
            bound.values.setdefault(extra.name, {})[name] = value
        else:
            bound.errors[name] = [_unknown(name, parameters)]
    return bound


def _bind_places(bound: Bound, parameters: Sequence[Parameter], args: Sequence[Any]) -> None:
    places = [p for p in parameters if p.positional]
    rest = next((p for p in parameters if p.takes_rest), None)
    bound.values.update({p.name: value for p, value in zip(places, args, strict=False)})
    surplus = list(args[len(places) :])
    if surplus and rest:
        bound.values[rest.name] = surplus
    elif surplus:
        limit = ngettext(
            "The task takes at most %(num)d argument by its place.",
            "The task takes at most %(num)d arguments by their place.",
            len(places),
        )
        bound.errors["args"] = [limit if places else _("The task takes no arguments by their place.")]


def _unknown(name: str, parameters: Sequence[Parameter]) -> str:
    if not parameters:
        return _("There is no parameter `%(name)s`. The task takes none.", name=name)
    names = ", ".join(p.name for p in parameters)
    return _("There is no parameter `%(name)s`. The task takes: %(names)s.", name=name, names=names)


def unbind(
    parameters: Sequence[Parameter], values: Mapping[str, Any], by_place: int = 0
) -> tuple[Arguments, dict[str, list[str]]]:
    """The call that gives these values: the first `by_place` parameters by place, the others by name.

    A positional-only parameter and `*args` need every parameter before them by place too; the default of
    one that is left out is then sent. Errors, by parameter, when such a default cannot be sent as JSON.
    """
    places = [p for p in parameters if p.positional]
    rest: list[Any] = next((values[p.name] for p in parameters if p.takes_rest and values.get(p.name)), [])
    only = [index for index, p in enumerate(places, start=1) if p.positional_only and p.name in values]
    placed = places[: max([by_place, len(places) if rest else 0, *only])]
    arguments, errors = Arguments(), {}
    for p in placed:
        value = values.get(p.name, p.default_json)
        if value is NO_VALUE:
            errors[p.name] = [_("Give this as well: a later argument can only be given by its place.")]
        arguments.args.append(value)
    arguments.args.extend(rest)
    for p in parameters:
        if p.takes_extra:
            arguments.kwargs.update(values.get(p.name, {}))
        elif p.name in values and not p.takes_rest and p not in placed:
            arguments.kwargs[p.name] = values[p.name]
    return arguments, errors


def by_name(
    parameters: Sequence[Parameter], args: Sequence[Any], kwargs: Mapping[str, Any]
) -> dict[str, Any]:
    """Earlier arguments, all by name, as `bind` takes them; without what the task takes no more."""
    values = bind(parameters, args, kwargs).values
    for parameter in parameters:
        if parameter.takes_extra:
            values |= values.pop(parameter.name, {})
    return values
