"""What counts as a JSON value that may be sent: no NaN, no half characters, bounded depth, keys of text."""

import math
from typing import Any

from flask_babel import gettext as _

MAX_DEPTH = 50
MAX_DIGITS = 4300  # Python's own limit for reading an integer


def problem(value: Any) -> str:
    """What is wrong with the value, as a sentence; empty when it is a JSON value that may be sent."""
    stack = [(value, 0)]
    while stack:
        item, depth = stack.pop()
        if depth > MAX_DEPTH:
            return _("Lists and objects may be nested at most %(n)s deep.", n=MAX_DEPTH)
        if isinstance(item, dict):
            if not all(isinstance(key, str) for key in item):
                return _("The keys of an object must be text.")
            stack += [(part, depth + 1) for pair in item.items() for part in pair]
        elif isinstance(item, list):
            stack += [(part, depth + 1) for part in item]
        elif sentence := _scalar_problem(item):
            return sentence
    return ""


def _scalar_problem(value: Any) -> str:
    if value is None or isinstance(value, bool):
        return ""
    if isinstance(value, str):
        return "" if _is_unicode(value) else _("The text holds half a character (a lone surrogate).")
    if isinstance(value, int):
        too_long = value.bit_length() > MAX_DIGITS * math.log2(10)
        return _("A whole number may have at most %(n)s digits.", n=MAX_DIGITS) if too_long else ""
    if isinstance(value, float):
        return (
            "" if math.isfinite(value) else _("NaN and Infinity are not allowed, nor numbers beyond 1.7e308.")
        )
    return _("This is not a JSON value.")


def _is_unicode(text: str) -> bool:
    return text.isascii() or not any("\ud800" <= character <= "\udfff" for character in text)
