"""The kinds of values that import knows: guessing a column's kind, and turning a cell into it."""

import json
import math
import re
from collections.abc import Iterable
from datetime import date, datetime, time
from decimal import Decimal, InvalidOperation
from typing import Any, Literal

Kind = Literal["boolean", "integer", "float", "decimal", "date", "datetime", "text"]

# The order in which a column's kind is chosen: the first that holds all of its values.
GUESSED: tuple[Kind, ...] = ("boolean", "integer", "float", "date", "datetime", "text")

# Only numbers that are written back as they were read: 007 and +1 stay text.
INTEGER = re.compile(r"-?(0|[1-9][0-9]*)")
DECIMAL = re.compile(r"-?(0|[1-9][0-9]*)\.[0-9]+([eE][+-]?[0-9]+)?")
DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
DATETIME = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9]{2}:[0-9]{2}(:[0-9]{2}(\.[0-9]{1,6})?)?")
BIGINT = range(-(2**63), 2**63)
EXACT_IN_FLOAT = 2**53
FLOAT_DIGITS = 15
EXPONENT_MAX = 400
YES = frozenset({"true", "t", "yes", "y", "1"})
NO = frozenset({"false", "f", "no", "n", "0"})

NAMES: dict[Kind, str] = {
    "boolean": "true or false",
    "integer": "a whole number",
    "float": "a number",
    "decimal": "a number",
    "date": "a date such as 2026-01-31",
    "datetime": "a time such as 2026-01-31T09:30:00",
    "text": "text",
}


class Guess:
    """The kinds that still fit a column, narrowed by every value seen."""

    def __init__(self, typed: bool) -> None:
        self._typed = typed
        self._left = set(GUESSED)
        self._seen = False

    def see(self, value: Any) -> None:
        if value is None or self._left == {"text"}:
            return
        self._seen = True
        self._left &= {*kinds_of(value, self._typed), "text"}

    @property
    def kind(self) -> Kind:
        """The narrowest kind that fits; text for a column without values."""
        return next(kind for kind in GUESSED if kind in self._left) if self._seen else "text"


def kinds_of(value: Any, typed: bool) -> Iterable[Kind]:
    """The kinds beside text that hold a value exactly. In a typed source a string is no number."""
    if isinstance(value, bool):
        return ("boolean",)
    if isinstance(value, int):
        return _integer_kinds(value)
    if isinstance(value, float):
        return ("float",) if math.isfinite(value) else ()
    if isinstance(value, datetime):
        return ("datetime",) if value.tzinfo is None else ()
    if isinstance(value, date):
        return ("date", "datetime")
    return _string_kinds(value, typed) if isinstance(value, str) else ()


def _integer_kinds(value: int) -> tuple[Kind, ...]:
    if value not in BIGINT:
        return ()
    return ("integer", "float") if abs(value) <= EXACT_IN_FLOAT else ("integer",)


def _string_kinds(text: str, typed: bool) -> tuple[Kind, ...]:
    if DATE.fullmatch(text):
        return ("date", "datetime") if _parses(date.fromisoformat, text) else ()
    if DATETIME.fullmatch(text):
        return ("datetime",) if _parses(datetime.fromisoformat, text) else ()
    if typed:
        return ()
    if text.lower() in ("true", "false"):
        return ("boolean",)
    if INTEGER.fullmatch(text) and text != "-0" and len(text) <= 20:
        return _integer_kinds(int(text))
    if DECIMAL.fullmatch(text) and sum(c.isdigit() for c in text.lower().partition("e")[0]) <= FLOAT_DIGITS:
        return ("float",) if math.isfinite(float(text)) else ()
    return ()


def _parses(parse: Any, text: str) -> bool:
    try:
        parse(text)
    except ValueError:
        return False
    return True


def convert(value: Any, kind: Kind) -> Any:
    """The value as `kind`, None staying None; raises `ValueError` in words when it is not one."""
    if value is None:
        return None
    try:
        return CONVERTERS[kind](value)
    except (ValueError, TypeError, InvalidOperation, OverflowError):
        shown = json.dumps(value, ensure_ascii=False, default=str)
        raise ValueError(f"{shown[:100]} is not {NAMES[kind]}") from None


def _integer(value: Any) -> int:
    number = _decimal(value)
    if number != number.to_integral_value() or int(number) not in BIGINT:
        raise ValueError
    return int(number)


def _decimal(value: Any) -> Decimal:
    if isinstance(value, (bool, date)):
        raise TypeError
    number = Decimal(value.strip() if isinstance(value, str) else str(value))
    # A number such as 1e999999999 is short to write and takes for ever to work with.
    if not number.is_finite() or abs(number.adjusted()) > EXPONENT_MAX:
        raise ValueError
    return number


def _float(value: Any) -> float:
    number = float(_decimal(value))
    if not math.isfinite(number):
        raise ValueError
    return number


def _boolean(value: Any) -> bool:
    word = str(value).strip().lower()
    if word in YES:
        return True
    if word in NO:
        return False
    raise ValueError


def _date(value: Any) -> date:
    if isinstance(value, datetime):
        if value.time() != time(0):
            raise ValueError
        return value.date()
    return value if isinstance(value, date) else date.fromisoformat(_trimmed(value))


def _datetime(value: Any) -> datetime:
    if isinstance(value, datetime):
        return value
    if isinstance(value, date):
        return datetime(value.year, value.month, value.day)  # noqa: DTZ001  # a file's times have no zone
    return datetime.fromisoformat(_trimmed(value))


def _trimmed(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError
    return value.strip()


def _text(value: Any) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, (date, datetime, time)):
        return value.isoformat()
    return json.dumps(value, ensure_ascii=False, default=str)  # true, 1.5, nested lists and objects


CONVERTERS: dict[Kind, Any] = {
    "boolean": _boolean,
    "integer": _integer,
    "float": _float,
    "decimal": _decimal,
    "date": _date,
    "datetime": _datetime,
    "text": _text,
}
