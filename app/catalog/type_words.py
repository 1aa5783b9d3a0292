"""Words about types: their names, their bounds, and what may be entered."""

from collections.abc import Callable
from datetime import date, timedelta
from datetime import time as clock_time
from enum import Enum
from types import NoneType
from typing import Annotated, Any, Literal, get_args, get_origin

from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_babel import ngettext
from pydantic import AwareDatetime

from app.catalog.annotations import EMPTY, UNIONS, underlying
from app.catalog.shapes import Bounds, Kind, Shape, to_text
from celeriac_agent.hints import Unresolved

MAX_CHOICES_SHOWN = 20
MAX_TYPE_LENGTH = 80

# What may be entered, by kind: without bounds, and with bounds as a list of words.
_SENTENCES: dict[Kind, tuple[Any, Any]] = {
    Kind.INT: (_l("Enter a whole number."), _l("Enter a whole number: %(bounds)s.")),
    Kind.FLOAT: (_l("Enter a number."), _l("Enter a number: %(bounds)s.")),
    Kind.DECIMAL: (_l("Enter a number."), _l("Enter a number: %(bounds)s.")),
    Kind.BOOL: (_l("Choose true or false."), _l("Choose true or false.")),
    Kind.STR: (_l("Enter text."), _l("Enter text: %(bounds)s.")),
    Kind.DATE: (
        _l("Enter a date such as 2026-10-19."),
        _l("Enter a date such as 2026-10-19: %(bounds)s."),
    ),
    Kind.DATETIME: (
        _l("Enter a date and time such as 2026-10-19T14:30."),
        _l("Enter a date and time such as 2026-10-19T14:30: %(bounds)s."),
    ),
    Kind.TIME: (
        _l("Enter a time of day such as 14:30."),
        _l("Enter a time of day such as 14:30: %(bounds)s."),
    ),
    Kind.DURATION: (
        _l("Enter a duration such as 1:30:00 or PT1H30M."),
        _l("Enter a duration such as 1:30:00 or PT1H30M: %(bounds)s."),
    ),
    Kind.UUID: (
        _l("Enter a UUID such as 123e4567-e89b-12d3-a456-426614174000."),
        _l("Enter a UUID such as 123e4567-e89b-12d3-a456-426614174000."),
    ),
    Kind.PATH: (_l("Enter a path."), _l("Enter a path: %(bounds)s.")),
    Kind.LIST: (_l("Enter a JSON list."), _l("Enter a JSON list: %(bounds)s.")),
    Kind.DICT: (_l("Enter a JSON object."), _l("Enter a JSON object: %(bounds)s.")),
    Kind.MODEL: (_l("Enter a JSON object."), _l("Enter a JSON object.")),
}
_RANGES = {
    Kind.INT: _l("Enter a whole number from %(low)s to %(high)s."),
    Kind.FLOAT: _l("Enter a number from %(low)s to %(high)s."),
    Kind.DECIMAL: _l("Enter a number from %(low)s to %(high)s."),
}


def allowed(shape: Shape) -> str:
    """A sentence that says what may be entered."""
    if shape.kind is Kind.CHOICE:
        return choose_from([choice.label for choice in shape.choices])
    if shape.kind is Kind.JSON:
        return _("Enter a value of the type %(type)s.", type=type_name(shape.core))
    bounds = shape.bounds
    if (
        shape.kind in _RANGES
        and bounds == Bounds(ge=bounds.ge, le=bounds.le)
        and None not in (bounds.ge, bounds.le)
    ):
        return str(_RANGES[shape.kind]) % {"low": plain(bounds.ge), "high": plain(bounds.le)}
    without, within = _SENTENCES[shape.kind]
    words = bounds_words(shape)
    return str(within) % {"bounds": words} if words else str(without)


def simplest(kind: Kind) -> str:
    """The sentence for a kind without bounds; empty for the kinds that need more than that."""
    return str(_SENTENCES[kind][0]) if kind in _SENTENCES else ""


def choose_from(labels: list[str]) -> str:
    """A sentence that lists the choices, or the first of many."""
    shown = ", ".join(labels[:MAX_CHOICES_SHOWN])
    if len(labels) > MAX_CHOICES_SHOWN:
        return _(
            "Choose one of these, or of %(n)s more: %(choices)s.",
            n=len(labels) - MAX_CHOICES_SHOWN,
            choices=shown,
        )
    return _("Choose one of: %(choices)s.", choices=shown)


def bounds_words(shape: Shape) -> str:
    """The bounds in words, such as `1 to 50000`; empty when there are none."""
    bounds = shape.bounds
    words = _between(bounds)
    if bounds.multiple_of is not None:
        words.append(_("a multiple of %(n)s", n=plain(bounds.multiple_of)))
    words += _length(bounds, shape.kind)
    if bounds.pattern:
        words.append(_("matching %(pattern)s", pattern=getattr(bounds.pattern, "pattern", bounds.pattern)))
    return _(", ").join(words)


def _between(bounds: Bounds) -> list[str]:
    if bounds.ge is not None and bounds.le is not None:
        return [_("%(low)s to %(high)s", low=plain(bounds.ge), high=plain(bounds.le))]
    words = []
    if bounds.ge is not None:
        words.append(_("at least %(n)s", n=plain(bounds.ge)))
    if bounds.gt is not None:
        words.append(_("more than %(n)s", n=plain(bounds.gt)))
    if bounds.le is not None:
        words.append(_("at most %(n)s", n=plain(bounds.le)))
    if bounds.lt is not None:
        words.append(_("less than %(n)s", n=plain(bounds.lt)))
    return words


def _length(bounds: Bounds, kind: Kind) -> list[str]:
    low, high = bounds.min_length, bounds.max_length
    if not low and high is None:
        return []
    count: Callable[[int], str]
    if kind in (Kind.LIST, Kind.DICT, Kind.JSON):
        count = lambda n: ngettext("%(num)d item", "%(num)d items", n)  # noqa: E731 -- one line per unit
    else:
        count = lambda n: ngettext("%(num)d character", "%(num)d characters", n)  # noqa: E731 -- see above
    if low and high is not None:
        return [_("%(low)s to %(high)s", low=low, high=count(high))] if low != high else [count(low)]
    if low:
        return [_("at least %(n)s", n=count(low))]
    return [_("at most %(n)s", n=count(high or 0))]


def how_to_write(shape: Shape) -> str:
    """How a value is written where that is not plain from its type; may be empty."""
    if isinstance(shape.core, Unresolved):
        return _("JSON, or else text: the type hint %(hint)s cannot be read", hint=shape.core.text)
    if shape.core is EMPTY:
        return {
            Kind.LIST: _("JSON list: there is no type hint"),
            Kind.DICT: _("JSON object: there is no type hint"),
        }.get(shape.kind, _("JSON, or else text: there is no type hint"))
    if shape.takes_lines:
        return _("one per line, or JSON")
    if not shape.kind.is_scalar:
        return "JSON"
    if shape.kind is Kind.DURATION:
        return _("seconds, 1:30:00 or PT1H30M")
    if shape.core is AwareDatetime:
        return _("with its zone, such as 2026-10-19T14:30:00+01:00")
    return ""


def plain(value: Any) -> str:
    """A bound as a person writes it."""
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        return str(int(value))
    if isinstance(value, date | clock_time):
        return value.isoformat()
    return str(value) if isinstance(value, int | float | timedelta | str) else f"{value}"


def type_name(annotation: Any) -> str:
    """The type as a developer writes it, without the bounds; `JSON` where anything goes."""
    annotation = underlying(annotation)
    origin, arguments = get_origin(annotation), get_args(annotation)
    if annotation in (EMPTY, Any, object) or isinstance(annotation, Unresolved):
        return "JSON"
    if annotation is NoneType:
        return "None"
    if origin is Annotated:
        return type_name(arguments[0])
    if origin in UNIONS:
        return " | ".join(map(type_name, arguments))
    if origin is Literal:
        return _alternatives([getattr(value, "value", value) for value in arguments])
    if isinstance(annotation, type) and issubclass(annotation, Enum):
        return _alternatives([member.value for member in annotation])
    name = getattr(origin or annotation, "__name__", str(annotation))
    return f"{name}[{', '.join(map(_argument_name, arguments))}]" if arguments else name


def _argument_name(annotation: Any) -> str:
    if isinstance(annotation, list):  # the parameters of a Callable
        return f"[{', '.join(map(type_name, annotation))}]"
    return "..." if annotation is Ellipsis else type_name(annotation)


def _alternatives(values: list[Any]) -> str:
    text = "|".join(to_text(value) for value in values)
    return text if len(text) <= MAX_TYPE_LENGTH else _("one of %(n)s", n=len(values))
