"""Pydantic's errors as sentences that say where the problem is and what is allowed."""

from collections.abc import Sequence
from typing import Any

from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_babel import ngettext
from pydantic import ValidationError
from pydantic_core import ErrorDetails

from app.catalog import type_words
from app.catalog.shapes import Kind, Shape, to_text

MAX_MESSAGES = 10

# By the beginning of pydantic's error type; the first that fits counts.
_BY_TYPE: tuple[tuple[str, Any], ...] = (
    ("int_", _l("Enter a whole number.")),
    ("float_", _l("Enter a number.")),
    ("decimal_", _l("Enter a number.")),
    ("finite_number", _l("Enter a number.")),
    ("bool_", _l("Choose true or false.")),
    ("string_type", _l("Enter text.")),
    ("string_sub_type", _l("Enter text.")),
    ("date_type", _l("Enter a date such as 2026-10-19.")),
    ("date_parsing", _l("Enter a date such as 2026-10-19.")),
    ("date_from", _l("Enter a date such as 2026-10-19.")),
    ("date_past", _l("Enter a date in the past.")),
    ("date_future", _l("Enter a date in the future.")),
    ("datetime_past", _l("Enter a date and time in the past.")),
    ("datetime_future", _l("Enter a date and time in the future.")),
    ("datetime_", _l("Enter a date and time such as 2026-10-19T14:30.")),
    ("timezone_naive", _l("Enter a date and time without a time zone.")),
    ("timezone_", _l("Enter a date and time with its zone, such as 2026-10-19T14:30:00+01:00.")),
    ("time_delta_", _l("Enter a duration such as 1:30:00 or PT1H30M.")),
    ("time_", _l("Enter a time of day such as 14:30.")),
    ("uuid_", _l("Enter a UUID such as 123e4567-e89b-12d3-a456-426614174000.")),
    ("list_type", _l("Enter a JSON list.")),
    ("tuple_type", _l("Enter a JSON list.")),
    ("set_type", _l("Enter a JSON list.")),
    ("frozen_set_type", _l("Enter a JSON list.")),
    ("iterable_type", _l("Enter a JSON list.")),
    ("dict_type", _l("Enter a JSON object.")),
    ("mapping_type", _l("Enter a JSON object.")),
    ("model_", _l("Enter a JSON object.")),
    ("dataclass_", _l("Enter a JSON object.")),
    ("missing", _l("This is required.")),
    ("extra_forbidden", _l("There is no such field.")),
    ("unexpected_keyword", _l("There is no such field.")),
    ("url_", _l("Enter a URL such as https://example.com/.")),
    ("none_required", _l("Leave this empty (null).")),
    ("path_not_file", _l("There is no such file.")),
    ("path_not_directory", _l("There is no such folder.")),
)
_BY_LIMIT = {
    "greater_than_equal": ("ge", _l("Enter %(n)s or more.")),
    "greater_than": ("gt", _l("Enter more than %(n)s.")),
    "less_than_equal": ("le", _l("Enter %(n)s or less.")),
    "less_than": ("lt", _l("Enter less than %(n)s.")),
    "multiple_of": ("multiple_of", _l("Enter a multiple of %(n)s.")),
    "string_pattern_mismatch": ("pattern", _l("Enter text that matches %(n)s.")),
    "literal_error": ("expected", _l("Choose one of: %(n)s.")),
    "enum": ("expected", _l("Choose one of: %(n)s.")),
}
_BY_LENGTH = ("string_too_short", "string_too_long", "too_short", "too_long")


def messages(name: str, shape: Shape, value: Any, error: ValidationError) -> list[str]:
    """At most ten sentences about one parameter's value, each with its place in the value.

    They never quote the value, which may be secret.
    """
    return sentences(name, shape, value, error.errors(include_url=False, include_input=False))


def sentences(name: str, shape: Shape, value: Any, details: Sequence[ErrorDetails]) -> list[str]:
    """The same of errors that a worker told."""
    return _cut(list(dict.fromkeys(_sentence(name, shape, value, detail) for detail in details)))


def unlisted(name: str, shape: Shape, value: Any) -> list[str]:
    """Sentences about values that are none of the choices; pydantic itself takes true and 1.0 for 1."""
    if shape.kind is Kind.LIST and shape.item and isinstance(value, list):
        wrong = [n for n, item in enumerate(value, start=1) if _is_unlisted(shape.item, item)]
        problem = type_words.allowed(shape.item) if wrong else ""
        places = [_(", ").join([name, _("item %(n)s", n=n)]) for n in wrong]
        return _cut([_("%(place)s: %(problem)s", place=place, problem=problem) for place in places])
    return [type_words.allowed(shape)] if _is_unlisted(shape, value) else []


def _is_unlisted(shape: Shape, value: Any) -> bool:
    if shape.kind is not Kind.CHOICE or (value is None and shape.nullable):
        return False
    return to_text(value) not in map(to_text, (choice.value for choice in shape.choices))


def _cut(sentences: list[str]) -> list[str]:
    if len(sentences) <= MAX_MESSAGES:
        return sentences
    rest = len(sentences) - MAX_MESSAGES
    return [
        *sentences[:MAX_MESSAGES],
        ngettext("And %(num)d more problem.", "And %(num)d more problems.", rest),
    ]


def _sentence(name: str, shape: Shape, value: Any, detail: ErrorDetails) -> str:
    place, part = _place(shape, value, detail)
    if not place:
        return _problem(shape, detail)
    return _("%(place)s: %(problem)s", place=_(", ").join([name, *place]), problem=_problem(part, detail))


def _place(shape: Shape, value: Any, detail: ErrorDetails) -> tuple[list[str], Shape | None]:
    """The way to the wrong part in words, and its shape where that is known.

    Pydantic's path also names the alternatives of a union and wrappers; they are no places and left out.
    """
    place: list[str] = []
    part: Shape | None = shape
    for step in detail["loc"]:
        if isinstance(step, int) and isinstance(value, list):
            place.append(_("item %(n)s", n=step + 1))
            value = value[step] if step < len(value) else None
            part = part.item if part else None
        elif isinstance(value, dict) and (step in value or detail["type"] == "missing"):
            place.append(str(step))
            value = value.get(step)
            part = None
    return place, part


def _problem(shape: Shape | None, detail: ErrorDetails) -> str:
    kind = detail["type"]
    if kind in ("value_error", "assertion_error"):  # the task author's own words
        return str(detail["ctx"]["error"])
    if shape and (shape.kind is Kind.JSON or kind in (*_BY_LIMIT, *_BY_LENGTH, "json_invalid")):
        return type_words.allowed(shape)
    sentence = _general(kind, detail.get("ctx", {})) or f"{detail['msg']}."
    if shape and sentence == type_words.simplest(shape.kind):
        return type_words.allowed(shape)  # the same, and it names the bounds as well
    return sentence


def _general(kind: str, context: dict[str, Any]) -> str:
    """A sentence that needs only the error itself; empty when there is none for it."""
    if kind in _BY_LIMIT:
        field, sentence = _BY_LIMIT[kind]
        return str(sentence) % {"n": type_words.plain(context[field])}
    if kind in _BY_LENGTH:
        return _length(kind, context)
    return str(next((sentence for prefix, sentence in _BY_TYPE if kind.startswith(prefix)), ""))


def _length(kind: str, context: dict[str, Any]) -> str:
    text = kind.startswith("string")
    if "min_length" in context:
        n = context["min_length"]
        if text:
            return ngettext("Enter at least %(num)d character.", "Enter at least %(num)d characters.", n)
        return ngettext("Enter at least %(num)d item.", "Enter at least %(num)d items.", n)
    n = context["max_length"]
    if text:
        return ngettext("Enter at most %(num)d character.", "Enter at most %(num)d characters.", n)
    return ngettext("Enter at most %(num)d item.", "Enter at most %(num)d items.", n)
