"""A type hint as JSON Schema (2020-12): by pydantic where the app has imported it, else by the hint alone.

Words of our own begin with `x-`: `x-bounds`, `x-tz` and `x-now` are what JSON Schema cannot say of dates and
numbers, `x-names` what an enum calls its values, `x-before` that code of the author's takes other values too,
`x-after` that it checks more, `x-unread` a hint that cannot be read.
"""

import collections.abc
import dataclasses
import datetime
import decimal
import enum
import importlib
import inspect
import json
import logging
import sys
import types
import uuid
from functools import cache
from pathlib import PurePath
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

from celeriac_agent.hints import Unresolved

SCHEMA_MAX = 20_000
DEFAULT_MAX = 4000
_SCALARS: dict[Any, dict[str, Any]] = {
    int: {"type": "integer"},
    float: {"type": "number"},
    bool: {"type": "boolean"},
    str: {"type": "string"},
    type(None): {"type": "null"},
    decimal.Decimal: {"type": "string", "format": "decimal"},
    datetime.datetime: {"type": "string", "format": "date-time"},
    datetime.date: {"type": "string", "format": "date"},
    datetime.time: {"type": "string", "format": "time"},
    datetime.timedelta: {"type": "string", "format": "duration"},
    uuid.UUID: {"type": "string", "format": "uuid"},
}
_LISTS = (list, set, frozenset, tuple, collections.abc.Sequence, collections.abc.Iterable)
_MAPPINGS = (dict, collections.abc.Mapping, collections.abc.MutableMapping)
_UNIONS = (Union, getattr(types, "UnionType", Union))
_BOUNDS = ("ge", "gt", "le", "lt", "multiple_of", "max_digits", "decimal_places")

_PLAIN = frozenset({str, int, float, bool, bytes, list, dict, datetime.date, datetime.datetime})

Schema = dict[str, Any]

logger = logging.getLogger(__name__)


def schema_of(hint: Any) -> Any:
    """The schema of a value with that hint; `True` where anything goes, empty where nothing is known."""
    if isinstance(hint, Unresolved):
        return {"x-unread": hint.text[:200]}
    if hint is Any or hint is object:
        return True
    unread = False
    for way in (_by_pydantic, _of):
        try:
            schema = way(hint)
            size = len(json.dumps(schema))
        except Exception as error:  # a type may bring its own code for this, which may raise anything
            logger.debug("%s cannot be told as a schema: %s", _named(hint), error)
            unread = True
            continue
        if schema is None:
            continue
        if size > SCHEMA_MAX:
            logger.debug("the schema of %s is left out: it takes %d bytes", _named(hint), size)
            unread = True
        elif schema or not unread:
            return schema
    return {"x-unread": _named(hint)} if unread else {}


def _named(hint: Any) -> str:
    try:
        return str(hint.__qualname__ if isinstance(hint, type) else hint)[:200]
    except Exception:  # a type may bring its own code for this, too
        return type(hint).__name__


def default_of(value: Any, hint: Any) -> "dict[str, Any]":
    """The default as JSON, under `default`; empty where it cannot be said so."""
    try:
        value = _jsonable(value, hint)
        text = json.dumps(value.value if isinstance(value, enum.Enum) else value, allow_nan=False)
    except Exception as error:  # a type may bring its own code for this
        logger.debug("a default of the type %s is not told: %s", type(value).__name__, error)
        return {}
    return {"default": json.loads(text)} if len(text) <= DEFAULT_MAX else {}


def _jsonable(value: Any, hint: Any) -> Any:
    try:
        adapter = None if hint is inspect.Parameter.empty else adapter_of(hint)
    except Exception:  # a type that pydantic does not know
        adapter = None
    if adapter is not None:
        return adapter.dump_python(value, mode="json", by_alias=True, warnings=False)
    core = sys.modules.get("pydantic_core")
    return core.to_jsonable_python(value) if hasattr(core, "to_jsonable_python") else value  # type: ignore[union-attr]


def adapter_of(hint: Any) -> Any:
    """Pydantic's validator for a type, where the app has imported pydantic; else None."""
    pydantic = sys.modules.get("pydantic")  # not imported for this: an app without it stays without it
    if not hasattr(pydantic, "TypeAdapter") or isinstance(hint, Unresolved):
        return None
    return _adapter_of_plain(hint) if _is_plain(hint) else pydantic.TypeAdapter(hint)  # type: ignore[union-attr]


def _is_plain(hint: Any) -> bool:
    """Whether it is one of the types that most parameters have: what is made for it is kept."""
    return type(hint) is type and hint in _PLAIN


@cache
def _adapter_of_plain(hint: Any) -> Any:
    return sys.modules["pydantic"].TypeAdapter(hint)


@cache
def _schema_of_plain(hint: Any) -> Schema:
    return dict(_adapter_of_plain(hint).json_schema(schema_generator=_generator()))


def _by_pydantic(hint: Any) -> "Schema | None":
    adapter = adapter_of(hint)
    if adapter is not None and _is_plain(hint):
        return dict(_schema_of_plain(hint))
    return None if adapter is None else dict(adapter.json_schema(schema_generator=_generator()))


@cache
def _generator() -> Any:
    """Pydantic's generator of schemas, which says our words beside its own."""
    base: Any = importlib.import_module("pydantic.json_schema").GenerateJsonSchema

    def temporal(name: str) -> Any:
        def made(self: Any, schema: Schema) -> Schema:
            found: Schema = getattr(base, name)(self, schema)
            return found | _bounds(schema)

        return made

    def by_code(name: str, word: str) -> Any:
        def made(self: Any, schema: Schema) -> Schema:
            is_theirs = is_authors(schema["function"]["function"])
            try:
                found: Schema = getattr(base, name)(self, schema)
            except Exception:
                if not is_theirs:
                    raise
                found = {}  # whatever their code takes
            return found | {word: True} if is_theirs and "$ref" not in found else found

        return made

    def enum_schema(self: Any, schema: Schema) -> Schema:
        names = [member.name for member in schema["members"]]
        found: Schema = base.enum_schema(self, schema)
        return found | {"x-names": names}

    def decimal_schema(self: Any, schema: Schema) -> Schema:
        return {"type": "string", "format": "decimal"} | _bounds(schema)

    parts: dict[str, Any] = {"enum_schema": enum_schema, "decimal_schema": decimal_schema}
    for name in ("date_schema", "datetime_schema", "time_schema", "timedelta_schema"):
        parts[name] = temporal(name)
    for name in ("function_before_schema", "function_wrap_schema", "function_plain_schema"):
        parts[name] = by_code(name, "x-before")
    parts["function_after_schema"] = by_code("function_after_schema", "x-after")
    return type("TellingGenerator", (base,), parts)


def is_authors(function: Any) -> bool:
    """Whether a function in pydantic's schema is the author's, not one of pydantic's own."""
    function = getattr(function, "func", function)  # a partial
    own = str(getattr(function, "__module__", "")).startswith("pydantic")
    return (
        not own or getattr(function, "__name__", "") == "val_func"
    )  # it calls an `annotated_types.Predicate`


def _bounds(schema: Schema) -> Schema:
    """What JSON Schema has no words for."""
    limits = {name: _plain(schema[name]) for name in _BOUNDS if schema.get(name) is not None}
    words: Schema = {"x-bounds": limits} if limits else {}
    for ours, theirs in (("x-tz", "tz_constraint"), ("x-now", "now_op")):
        if isinstance(schema.get(theirs), str):
            words[ours] = schema[theirs]
    return words


def _plain(value: Any) -> Any:
    if isinstance(value, datetime.timedelta):
        return value.total_seconds()
    return value.isoformat() if hasattr(value, "isoformat") else str(value)


def _of(hint: Any) -> Schema:
    """The schema of an annotation, without pydantic; empty for what has none."""
    origin, arguments = get_origin(hint), get_args(hint)
    if hasattr(hint, "__supertype__"):  # a NewType
        return _of(hint.__supertype__)
    if hasattr(hint, "__metadata__"):  # Annotated
        return _of(hint.__origin__)
    if isinstance(hint, type) and issubclass(hint, enum.Enum):
        return {"enum": [member.value for member in hint], "x-names": [member.name for member in hint]}
    if hint in _SCALARS:
        return dict(_SCALARS[hint])
    if origin is Literal:
        return {
            "enum": [
                argument.value if isinstance(argument, enum.Enum) else argument for argument in arguments
            ]
        }
    if origin in _UNIONS:
        return {"anyOf": [_of(argument) for argument in arguments]}
    if (origin or hint) in _LISTS or (origin or hint) in _MAPPINGS:
        return _of_container(origin or hint, arguments)
    if isinstance(hint, type) and issubclass(hint, PurePath):
        return {"type": "string", "format": "path"}
    return _of_fields(hint)


def _of_container(kind: Any, arguments: "tuple[Any, ...]") -> Schema:
    if kind in _MAPPINGS:
        return {"type": "object"} | (
            {"additionalProperties": _of(arguments[1])} if len(arguments) == 2 else {}
        )
    if kind is tuple and not (len(arguments) == 2 and arguments[1] is Ellipsis):
        return {"type": "array"}
    return {"type": "array"} | ({"items": _of(arguments[0])} if arguments else {})


def _of_fields(hint: Any) -> Schema:
    """The schema of a class whose fields are known by their annotations."""
    required = getattr(hint, "__required_keys__", None)  # a TypedDict's
    if required is None:
        return {"type": "object"} if dataclasses.is_dataclass(hint) else {}
    fields = {name: _of(_unmarked(kind)) for name, kind in get_type_hints(hint).items()}
    return {
        "type": "object",
        "title": hint.__name__,
        "properties": fields,
        "required": sorted(required),
        "additionalProperties": False,
    }


def _unmarked(kind: Any) -> Any:
    """A field's type without `Required[…]` or `NotRequired[…]` around it."""
    marked = str(get_origin(kind)).rpartition(".")[2] in ("Required", "NotRequired")
    return get_args(kind)[0] if marked else kind
