"""JSON Schemas that workers publish, as types: forms, checks and words are made from these.

What a schema says that has no type here is not checked; a schema that is none takes anything.
"""

from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum
from pathlib import Path
from typing import Annotated, Any, Literal, Union
from uuid import UUID

from pydantic import (
    AnyUrl,
    AwareDatetime,
    ConfigDict,
    Field,
    FutureDate,
    FutureDatetime,
    HttpUrl,
    NaiveDatetime,
    PastDate,
    PastDatetime,
    SecretStr,
    ValidationError,
    WrapValidator,
    create_model,
)

from app.catalog.annotations import EMPTY
from celeriac_agent.hints import Unresolved

DEPTH_MAX = 12
_FORMATS: dict[str, Any] = {
    "date": date,
    "date-time": datetime,
    "time": time,
    "duration": timedelta,
    "uuid": UUID,
    "path": Path,
    "file-path": Path,
    "directory-path": Path,
    "password": SecretStr,
    "decimal": Decimal,
}
_PLAIN: dict[str, Any] = {"integer": int, "number": float, "boolean": bool, "null": None}
_BOUNDS = {
    "minimum": "ge",
    "exclusiveMinimum": "gt",
    "maximum": "le",
    "exclusiveMaximum": "lt",
    "multipleOf": "multiple_of",
    "minLength": "min_length",
    "maxLength": "max_length",
    "pattern": "pattern",
    "minItems": "min_length",
    "maxItems": "max_length",
}
_ENUMERABLE = (str, int, bool, type(None))
_TEMPORAL: dict[tuple[str, str], Any] = {
    ("date-time", "aware"): AwareDatetime,
    ("date-time", "naive"): NaiveDatetime,
    ("date-time", "past"): PastDatetime,
    ("date-time", "future"): FutureDatetime,
    ("date", "past"): PastDate,
    ("date", "future"): FutureDate,
}
_READ: dict[str, Callable[[str], Any]] = {
    "date": date.fromisoformat,
    "date-time": datetime.fromisoformat,
    "time": time.fromisoformat,
    "duration": lambda seconds: timedelta(seconds=float(seconds)),
    "decimal": Decimal,
}
_COUNTS = ("max_digits", "decimal_places")
# What has no meaning for the type itself, and what pydantic adds by itself.
_SAID = {*_BOUNDS, "type", "format", "enum", "const", "anyOf", "oneOf", "allOf", "items", "properties"}
_SAID |= {"required", "additionalProperties", "description", "title", "default", "$ref", "$defs", "writeOnly"}
_SAID |= {"prefixItems", "uniqueItems", "propertyNames", "discriminator"}

Schema = Mapping[str, Any]


def type_of(schema: Any) -> Any:
    """The type that a value's schema describes; EMPTY where it says nothing."""
    if schema is True:
        return Any
    if not isinstance(schema, dict) or not schema:
        return EMPTY
    if isinstance(hint := schema.get("x-unread"), str):
        return Unresolved(hint)
    defs = schema.get("$defs")
    return _noted(_type(schema, defs if isinstance(defs, dict) else {}, ()), schema)


def _noted(annotation: Any, schema: Schema) -> Any:
    """The type with what is said for people, and what only they use."""
    notes = {"description": schema["description"]} if isinstance(schema.get("description"), str) else {}
    extra = {name: value for name, value in schema.items() if name not in _SAID and name[:2] != "x-"}
    if isinstance(given := schema.get("format"), str) and given in ("multiline", "textarea"):
        extra["format"] = given
    more: dict[str, Any] = {"json_schema_extra": extra} if extra else {}
    return Annotated[annotation, Field(**notes, **more)] if notes or more else annotation


def _type(schema: Any, defs: Schema, path: tuple[str, ...]) -> Any:
    """The type of a part; `path` are the definitions and levels above it; one within itself is any."""
    if not isinstance(schema, dict) or len(path) > DEPTH_MAX:
        return Any
    if isinstance(ref := schema.get("$ref"), str):
        name = ref.removeprefix("#/$defs/")
        return Any if name in path else _type(defs.get(name), defs, (*path, name))
    plain = _plain_type(schema, defs, (*path, ""))
    return Annotated[plain, WrapValidator(_or_as_it_is)] if schema.get("x-before") is True else plain


def _or_as_it_is(value: Any, read: Callable[[Any], Any]) -> Any:
    """Code of the author's takes more than the schema says; it looks when the task runs."""
    try:
        return read(value)
    except ValidationError:
        return value


def _plain_type(schema: Schema, defs: Schema, path: tuple[str, ...]) -> Any:
    if isinstance(values := schema.get("enum", [schema["const"]] if "const" in schema else None), list):
        return _choice(values, schema)
    for word in ("anyOf", "oneOf", "allOf"):
        parts = schema.get(word)
        if isinstance(parts, list) and parts and (word != "allOf" or len(parts) == 1):
            return Union[tuple(_type(part, defs, path) for part in parts)]  # noqa: UP007 -- built at run time
    kinds = schema.get("type")
    if isinstance(kinds, list) and kinds:
        alone = [_type({**schema, "type": kind}, defs, path) for kind in kinds]
        return Union[tuple(alone)]  # noqa: UP007 -- built at run time
    return _bounded(_core(kinds, schema, defs, path), schema)


def _choice(values: list[Any], schema: Schema) -> Any:
    """One of some values; an enum where they have names."""
    if not values or not all(isinstance(value, _ENUMERABLE) for value in values):
        return Any
    names, title = schema.get("x-names"), schema.get("title")
    if isinstance(names, list) and len(names) == len(values) and isinstance(title, str):
        with suppress(TypeError, ValueError):  # what cannot be the name of a member
            return Enum(title, list(zip(names, values, strict=True)))
    return Literal[tuple(values)]


def _core(kind: Any, schema: Schema, defs: Schema, path: tuple[str, ...]) -> Any:
    if kind == "string":
        return _text(schema)
    if kind == "array":
        return _array(schema, defs, path)
    if kind == "object":
        return _object(schema, defs, path)
    return _PLAIN.get(kind, Any) if isinstance(kind, str) else Any


def _text(schema: Schema) -> Any:
    given = str(schema.get("format"))
    if given == "uri":
        return HttpUrl if schema.get("maxLength") == 2083 else AnyUrl
    for word in ("x-tz", "x-now"):
        if (narrow := _TEMPORAL.get((given, str(schema.get(word))))) is not None:
            return narrow
    return _FORMATS.get(given, str)


def _array(schema: Schema, defs: Schema, path: tuple[str, ...]) -> Any:
    fixed = schema.get("prefixItems")
    if isinstance(fixed, list) and fixed and schema.get("maxItems") == schema.get("minItems") == len(fixed):
        return tuple[tuple(_type(item, defs, path) for item in fixed)]  # type: ignore[misc]  # built at run time
    item = _type(schema.get("items"), defs, path)
    if schema.get("uniqueItems") is True and (item in _FORMATS.values() or item in _PLAIN.values()):
        return set[item]  # type: ignore[valid-type]  # built at run time
    return list[item]  # type: ignore[valid-type]  # built at run time


def _object(schema: Schema, defs: Schema, path: tuple[str, ...]) -> Any:
    properties, more = schema.get("properties"), schema.get("additionalProperties")
    if not isinstance(properties, dict) or not all(map(_is_field, properties)):
        return dict[str, _type(more, defs, path)]  # type: ignore[misc]  # built at run time
    asked = schema.get("required")
    required = asked if isinstance(asked, list) else []
    fields: dict[str, Any] = {
        name: (_noted(_type(part, defs, path), part), ... if name in required else _default(part))
        for name, part in properties.items()
        if isinstance(part, dict)
    }
    title = schema.get("title")
    name = title if isinstance(title, str) and title.isidentifier() else "Object"
    return create_model(name, __config__=ConfigDict(extra="forbid" if more is False else "allow"), **fields)


def _default(part: Schema) -> Any:
    """What a field is when nothing is said; where the schema does not tell, there is something."""
    return part["default"] if "default" in part else Field(default_factory=lambda: None)


def _is_field(name: str) -> bool:
    return name.isidentifier() and not name.startswith(("_", "model_"))


def _bounded(core: Any, schema: Schema) -> Any:
    bounds = _told_bounds(schema)
    if core in (str, int, float) or str(core).startswith(("list[", "set[")):
        limits = {ours: schema[theirs] for theirs, ours in _BOUNDS.items() if _is_bound(schema.get(theirs))}
        bounds = {**limits, **bounds}
    return Annotated[core, Field(**bounds)] if bounds else core


def _told_bounds(schema: Schema) -> dict[str, Any]:
    """Those that JSON Schema has no words for."""
    bounds, read = schema.get("x-bounds"), _READ.get(str(schema.get("format")))
    limits: dict[str, Any] = {}
    for name, value in bounds.items() if isinstance(bounds, dict) and read else ():
        with suppress(ValueError, TypeError, ArithmeticError):
            limits[name] = int(value) if name in _COUNTS else read(value) if read else None
    return limits


def _is_bound(value: Any) -> bool:
    return isinstance(value, str | int | float) and not isinstance(value, bool)
