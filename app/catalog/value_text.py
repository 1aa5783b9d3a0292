"""A value as the text of a form field, and the value that such a text stands for.

What `text_of` writes, `value_of` reads as the same JSON value. Spaces around a value count only in a field
for text.
"""

import json
import re
from typing import Any

from flask_babel import gettext as _

from app.catalog import type_words
from app.catalog.annotations import EMPTY
from app.catalog.json_text import parse_json
from app.catalog.json_values import MAX_DIGITS
from app.catalog.shapes import Kind, Shape
from celeriac_agent.hints import Unresolved

_INT = re.compile(r"[+-]?\d+")
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")
_SECONDS = re.compile(r"\d+(\.\d+)?")
_QUOTES = re.compile(r'"{2,}')


def value_of(shape: Shape, text: str) -> Any:
    """The JSON value that a person means by the text; raises ValueError with a sentence.

    Where anything goes, text that is no JSON is that text. What the type allows is checked later: this only
    tells numbers, texts, lists and JSON apart. In a field for text, two double quotes stand for the empty
    text, because an empty field means that the argument is left out. More quotes and nothing else stand for
    two quotes fewer.
    """
    text = text.replace("\r\n", "\n")
    if shape.kind is Kind.STR:
        return text[2:] if _QUOTES.fullmatch(text) else text
    text = text.strip()
    if shape.kind is Kind.LIST and shape.takes_lines and not text.startswith("["):
        return _lines(shape, text)
    if is_free(shape) and not _is_json(text):
        return text
    if not shape.kind.is_scalar:
        return parse_json(text)
    return _scalar(shape, text)


def is_free(shape: Shape) -> bool:
    """Whether anything goes, because there is no type hint, or none that can be read, or one that says so."""
    free = shape.core is EMPTY or shape.core is Any or shape.core is object
    return shape.kind is Kind.JSON and (free or isinstance(shape.core, Unresolved))


def _is_json(text: str) -> bool:
    """Whether it is meant as JSON; some of what is may still be refused, such as the same key twice."""
    if text.removeprefix("-") in ("NaN", "Infinity"):
        return False  # Python's parser takes these words, JSON does not
    try:
        json.loads(text)
    except json.JSONDecodeError:
        return False
    except (ValueError, RecursionError):
        return True
    return True


def _scalar(shape: Shape, text: str) -> Any:
    match shape.kind:
        case Kind.INT if _INT.fullmatch(text) and len(text) <= MAX_DIGITS:
            return int(text)
        case Kind.FLOAT if _NUMBER.fullmatch(text):
            return int(text) if _INT.fullmatch(text) and len(text) <= MAX_DIGITS else float(text)
        case Kind.INT | Kind.FLOAT:
            raise ValueError(type_words.allowed(shape))
        case Kind.BOOL:
            return {"true": True, "false": False}.get(text.lower(), text)
        case Kind.CHOICE:
            return next((choice.value for choice in shape.choices if choice.key == text), text)
        case Kind.DURATION if _SECONDS.fullmatch(text):
            return f"PT{text}S"
    return text


def _lines(shape: Shape, text: str) -> list[Any]:
    """One item a line; empty lines do not count, and `""` is an item that is the empty text."""
    item = shape.item
    values = []
    for number, line in enumerate(text.split("\n"), start=1):
        if item is None or not line.strip():
            continue
        try:
            values.append(value_of(item, line.strip()))
        except ValueError as error:
            raise ValueError(_("Line %(n)s: %(problem)s", n=number, problem=str(error))) from None
    return values


def text_of(shape: Shape, value: Any) -> str:
    """The text that stands for a JSON value in a field; None (nothing given) is the empty text."""
    if value is None:
        return ""
    if shape.kind is Kind.LIST and shape.takes_lines and isinstance(value, list):
        return _text_of_list(shape, value)
    if not shape.kind.is_scalar:
        return json.dumps(value, indent=2, ensure_ascii=False)
    if shape.kind is Kind.CHOICE:
        return next((c.key for c in shape.choices if c.value == value and type(c.value) is type(value)), "")
    if isinstance(value, str):
        return f'{value}""' if value == "" or _QUOTES.fullmatch(value) else value
    return json.dumps(value, ensure_ascii=False)


def _text_of_list(shape: Shape, values: list[Any]) -> str:
    lines = "\n".join(text_of(shape.item, value) for value in values) if shape.item else ""
    try:
        same = bool(lines) and json.dumps(value_of(shape, lines)) == json.dumps(values)
    except ValueError:
        same = False
    return lines if same else json.dumps(values, ensure_ascii=False)
