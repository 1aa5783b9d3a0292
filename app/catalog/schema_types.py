"""JSON Schemas that workers of other apps publish, as types: forms and checks are then the same as for ours.

What a schema says that has no type here is not checked; a schema that is none takes anything.
"""

from collections.abc import Mapping
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any, Literal, Union
from uuid import UUID

from pydantic import ConfigDict, Field, SecretStr, create_model

from app.catalog.annotations import EMPTY

DEPTH_MAX = 12
_FORMATS: dict[str, Any] = {
    "date": date,
    "date-time": datetime,
    "time": time,
    "duration": timedelta,
    "uuid": UUID,
    "path": Path,
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

Schema = Mapping[str, Any]


def type_of(schema: Any) -> Any:
    """The type that a value's schema describes; EMPTY where it says nothing."""
    if not isinstance(schema, dict) or not schema:
        return EMPTY
    defs = schema.get("$defs")
    found = _type(schema, defs if isinstance(defs, dict) else {}, 0)
    notes = {"description": schema["description"]} if isinstance(schema.get("description"), str) else {}
    return Annotated[found, Field(**notes)] if notes else found


def _type(schema: Any, defs: Schema, depth: int) -> Any:
    if not isinstance(schema, dict) or depth > DEPTH_MAX:
        return Any
    if isinstance(ref := schema.get("$ref"), str):
        return _type(defs.get(ref.removeprefix("#/$defs/")), defs, depth + 1)
    if isinstance(values := schema.get("enum", [schema["const"]] if "const" in schema else None), list):
        plain = values and all(isinstance(one, _ENUMERABLE) for one in values)
        return Literal[tuple(values)] if plain else Any
    for word in ("anyOf", "oneOf", "allOf"):
        parts = schema.get(word)
        if isinstance(parts, list) and parts and (word != "allOf" or len(parts) == 1):
            return Union[tuple(_type(one, defs, depth + 1) for one in parts)]  # noqa: UP007 -- built at run time
    kinds = schema.get("type")
    if isinstance(kinds, list) and kinds:
        alone = [_type({**schema, "type": one}, defs, depth + 1) for one in kinds]
        return Union[tuple(alone)]  # noqa: UP007 -- built at run time
    return _bounded(_core(kinds, schema, defs, depth), schema)


def _core(kind: Any, schema: Schema, defs: Schema, depth: int) -> Any:
    if kind == "string":
        return _FORMATS.get(str(schema.get("format")), str)
    if kind == "array":
        return list[_type(schema.get("items"), defs, depth + 1)]  # type: ignore[misc]  # built at run time
    if kind == "object":
        return _object(schema, defs, depth)
    return _PLAIN.get(kind, Any) if isinstance(kind, str) else Any


def _object(schema: Schema, defs: Schema, depth: int) -> Any:
    properties, more = schema.get("properties"), schema.get("additionalProperties")
    if not isinstance(properties, dict) or not all(map(_is_field, properties)):
        return dict[str, _type(more, defs, depth + 1)]  # type: ignore[misc]  # built at run time
    asked = schema.get("required")
    required = asked if isinstance(asked, list) else []
    fields: dict[str, Any] = {
        name: (_type(part, defs, depth + 1), ... if name in required else None)
        for name, part in properties.items()
    }
    title = schema.get("title")
    name = title if isinstance(title, str) and title.isidentifier() else "Object"
    return create_model(name, __config__=ConfigDict(extra="forbid" if more is False else "allow"), **fields)


def _is_field(name: str) -> bool:
    return name.isidentifier() and not name.startswith(("_", "model_"))


def _bounded(core: Any, schema: Schema) -> Any:
    bounds = {ours: schema[theirs] for theirs, ours in _BOUNDS.items() if _is_bound(schema.get(theirs))}
    if core not in (str, int, float) and not str(core).startswith("list["):
        return core
    return Annotated[core, Field(**bounds)] if bounds else core


def _is_bound(value: Any) -> bool:
    return isinstance(value, str | int | float) and not isinstance(value, bool)
