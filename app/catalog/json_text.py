"""Reads JSON that a person typed: strictly, and with the line and column of what is wrong."""

import json
import re
from typing import Any

from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l

from app.catalog import json_values
from app.catalog.binding import Arguments
from app.errors import Invalid

RAW = "raw"  # the field that errors of the raw tab belong to
MAX_CHARACTERS = 2_000_000

_SENTENCES = {
    "Expecting value": _l(
        "a value belongs here: a number, a text in double quotes, true, false, null, a list or an object"
    ),
    "Expecting ',' delimiter": _l("put a comma between two values here"),
    "Expecting ':' delimiter": _l("put a colon between the key and its value here"),
    "Expecting property name enclosed in double quotes": _l("a key in double quotes belongs here"),
    "Unterminated string starting at": _l("the text that starts here has no closing double quote"),
    "Invalid control character at": _l("write line breaks and tabs inside a text as \\n and \\t"),
    "Invalid \\escape": _l("a backslash inside a text is written twice: \\\\"),
    "Invalid \\uXXXX escape": _l("\\u needs four hexadecimal digits"),
    "Extra data": _l("nothing may follow the end of the value"),
}
_TOKENS = re.compile(r'(?P<text>"(?:[^"\\]|\\.)*")(?P<colon>\s*:)?|[{}]|-?Infinity|NaN')


def parse_json(text: str, most: int | None = MAX_CHARACTERS) -> Any:
    """The value of a JSON text; raises ValueError with a sentence that names line and column.

    `most` characters; None where the text comes from the machine's own files.

    Stricter than Python's parser: no NaN or Infinity, no key twice in one object, bounded depth.
    """
    text = text.removeprefix("\ufeff")
    if most is not None and len(text) > most:
        raise ValueError(_("The text is too long: at most %(n)s characters.", n=most))
    try:
        value = json.loads(text)
    except json.JSONDecodeError as error:
        raise ValueError(_at(text, error.pos, _explained(error))) from None
    except RecursionError:
        raise ValueError(
            _("Lists and objects may be nested at most %(n)s deep.", n=json_values.MAX_DEPTH)
        ) from None
    except ValueError:  # Python refuses to read a number of that many digits
        raise ValueError(
            _("A whole number may have at most %(n)s digits.", n=json_values.MAX_DIGITS)
        ) from None
    _refuse_traps(text)
    if sentence := json_values.problem(value):
        raise ValueError(sentence)
    return value


def parse_raw(text: str) -> Arguments:
    """The arguments of the raw JSON tab: an object holds them by name, a list by place.

    Nothing typed is no arguments. Raises `Invalid` with the field `raw`.
    """
    try:
        value = parse_json(text) if text.strip() else {}
    except ValueError as error:
        raise Invalid({RAW: [str(error)]}) from None
    if isinstance(value, dict):
        return Arguments(kwargs=value)
    if isinstance(value, list):
        return Arguments(args=value)
    raise Invalid(
        {RAW: [_("Enter an object with the arguments by name, or a list with the arguments in order.")]}
    )


def to_raw(values: dict[str, Any]) -> str:
    """Arguments by name as the raw tab shows them."""
    return json.dumps(values, indent=2, ensure_ascii=False)


def _explained(error: json.JSONDecodeError) -> str:
    before, rest = error.doc[: error.pos].rstrip(), error.doc[error.pos :]
    newer = error.msg.startswith("Illegal trailing comma")  # Python 3.13 tells
    if newer or (before.endswith(",") and rest.startswith(("]", "}"))):
        return _("take away the comma before the end of the list or object")
    if error.msg in ("Expecting value", "Expecting property name enclosed in double quotes"):
        if rest.startswith("'"):
            return _("use double quotes, not single ones")
        if re.match(r"True|False|None", rest):
            return _("write true, false and null in small letters, and null for None")
    return str(_SENTENCES.get(error.msg, error.msg))


def _refuse_traps(text: str) -> None:
    """Find what Python's parser lets pass; the text is known to be JSON otherwise."""
    keys: list[set[str]] = []
    for token in _TOKENS.finditer(text):
        if token[0] == "{":
            keys.append(set())
        elif token[0] == "}":
            keys.pop()
        elif token["colon"]:
            key = json.loads(token["text"])
            if key in keys[-1]:
                raise ValueError(
                    _at(text, token.start(), _("the key %(key)s stands twice in this object", key=key))
                )
            keys[-1].add(key)
        elif not token["text"]:
            raise ValueError(_at(text, token.start(), _("NaN and Infinity are not JSON")))


def _at(text: str, position: int, problem: str) -> str:
    line = text.count("\n", 0, position) + 1
    column = position - (text.rfind("\n", 0, position) + 1) + 1
    return _("Line %(line)s, column %(column)s: %(problem)s.", line=line, column=column, problem=problem)
