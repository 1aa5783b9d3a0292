"""What a type looks like to a person who fills in a form: its kind, bounds and choices."""

import dataclasses
import json
import logging
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum, StrEnum
from pathlib import PurePath
from typing import Any, Literal, get_args, get_origin
from uuid import UUID

from pydantic import BaseModel, SecretStr, TypeAdapter
from pydantic.fields import FieldInfo
from pydantic_core import to_jsonable_python
from typing_extensions import is_typeddict

from app.catalog.annotations import MAPPINGS, SEQUENCES, adapter_of, unwrap

logger = logging.getLogger(__name__)


class Kind(StrEnum):
    """How a value is entered; the words that templates and the JSON Schema's `x-kind` use."""

    INT = "int"
    FLOAT = "float"
    DECIMAL = "decimal"
    BOOL = "bool"
    STR = "str"
    CHOICE = "choice"
    DATE = "date"
    DATETIME = "datetime"
    TIME = "time"
    DURATION = "duration"
    UUID = "uuid"
    PATH = "path"
    LIST = "list"
    DICT = "dict"
    MODEL = "model"
    JSON = "json"

    @property
    def is_scalar(self) -> bool:
        """True when one line of text holds a value."""
        return self not in (Kind.LIST, Kind.DICT, Kind.MODEL, Kind.JSON)


@dataclass(frozen=True)
class Bounds:
    """What `Field(…)` or annotated-types say a value may be; None where nothing is said."""

    ge: Any = None
    gt: Any = None
    le: Any = None
    lt: Any = None
    multiple_of: Any = None
    min_length: int | None = None
    max_length: int | None = None
    pattern: str | None = None


@dataclass(frozen=True)
class Choice:
    """One allowed value: as JSON, as a person reads it, and as a form sends it."""

    value: Any
    label: str
    key: str


@dataclass(frozen=True)
class Shape:
    """A type, seen from the form."""

    kind: Kind
    core: Any
    nullable: bool = False
    bounds: Bounds = Bounds()
    choices: tuple[Choice, ...] = ()
    item: "Shape | None" = None
    description: str = ""
    extra: dict[str, Any] = field(default_factory=dict)

    @property
    def takes_lines(self) -> bool:
        """True for a list that may be entered one item a line."""
        return self.item is not None and self.item.kind.is_scalar


_KINDS: dict[Any, Kind] = {
    int: Kind.INT,
    float: Kind.FLOAT,
    bool: Kind.BOOL,
    str: Kind.STR,
    Decimal: Kind.DECIMAL,
    date: Kind.DATE,
    datetime: Kind.DATETIME,
    time: Kind.TIME,
    timedelta: Kind.DURATION,
    UUID: Kind.UUID,
    SecretStr: Kind.STR,
    object: Kind.JSON,
    Any: Kind.JSON,
}
_FORMATS = {
    "date": Kind.DATE,
    "date-time": Kind.DATETIME,
    "time": Kind.TIME,
    "duration": Kind.DURATION,
    "uuid": Kind.UUID,
    "path": Kind.PATH,
}
_SCHEMA_TYPES = {
    "integer": Kind.INT,
    "number": Kind.FLOAT,
    "boolean": Kind.BOOL,
    "string": Kind.STR,
    "array": Kind.LIST,
    "object": Kind.DICT,
}


def shape_of(annotation: Any) -> Shape:
    """The shape of any annotation; kind JSON for what has no simpler way to be entered."""
    unwrapped = unwrap(annotation)
    core = unwrapped.core
    bounds, notes = _read(unwrapped.metadata)
    choices = _choices(core)
    kind = Kind.CHOICE if choices else _kind(core)
    extra = notes.get("json_schema_extra")
    return Shape(
        kind,
        core,
        unwrapped.nullable,
        Bounds(**bounds),
        choices,
        _item(core) if kind is Kind.LIST else None,
        notes.get("description") or "",
        extra if isinstance(extra, dict) else {},
    )


def _kind(core: Any) -> Kind:
    if core in _KINDS:
        return _KINDS[core]
    origin = get_origin(core) or core
    if origin in (*SEQUENCES, set, frozenset, tuple):
        return Kind.LIST
    if origin in MAPPINGS:
        return Kind.DICT
    if isinstance(origin, type):
        if issubclass(origin, PurePath):
            return Kind.PATH
        if issubclass(origin, BaseModel) or dataclasses.is_dataclass(origin) or is_typeddict(origin):
            return Kind.MODEL
    return _kind_by_schema(core)


def _kind_by_schema(core: Any) -> Kind:
    """The kind of a type that only pydantic knows (an address, a past date, a URL), from its JSON Schema."""
    schema = json_schema_of(adapter_of(core))
    return _FORMATS.get(schema.get("format", ""), _SCHEMA_TYPES.get(schema.get("type", ""), Kind.JSON))


def json_schema_of(adapter: TypeAdapter[Any] | None) -> dict[str, Any]:
    """The type's own JSON Schema; empty (anything goes) when it has none."""
    if adapter is None:
        return {}
    try:
        return adapter.json_schema()
    except Exception as error:  # JSON Schema cannot express it, or the type's own code for this fails
        logger.info("a type has no JSON Schema: %s", error)
        return {}


def _item(core: Any) -> Shape | None:
    """The shape of a list's items, when they are all alike."""
    arguments = tuple(argument for argument in get_args(core) if argument is not Ellipsis)
    fixed = get_origin(core) is tuple and Ellipsis not in get_args(core)
    return shape_of(arguments[0]) if len(arguments) == 1 and not fixed else None


def _choices(core: Any) -> tuple[Choice, ...]:
    if get_origin(core) is Literal:
        values = [to_jsonable_python(value) for value in get_args(core)]
        labels = [_label(value) for value in values]
    elif isinstance(core, type) and issubclass(core, Enum) and len(core):
        values = [to_jsonable_python(member.value, fallback=repr) for member in core]
        labels = [
            value if isinstance(value, str) else member.name
            for value, member in zip(values, core, strict=True)
        ]
    else:
        return ()
    clash = any(not isinstance(value, str) and _label(value) in values for value in values)
    return tuple(
        Choice(value, label, _label(value) if value != "" and not clash else to_text(value))
        for value, label in zip(values, labels, strict=True)
    )


def _label(value: Any) -> str:
    return value if isinstance(value, str) else to_text(value)


def to_text(value: Any) -> str:
    """A JSON value as one line of JSON."""
    return json.dumps(value, ensure_ascii=False)


def _read(metadata: Iterable[Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Bounds and notes (description, json_schema_extra) of what `Annotated` carries; the last one counts."""
    bounds: dict[str, Any] = {}
    notes: dict[str, Any] = {}
    for item in metadata:
        if isinstance(item, FieldInfo):
            inner, _ = _read(item.metadata)
            bounds |= inner
            for name in ("description", "json_schema_extra"):
                if getattr(item, name):
                    notes[name] = getattr(item, name)
        elif isinstance(item, type):
            continue
        else:
            limits = {f.name: getattr(item, f.name, None) for f in dataclasses.fields(Bounds)}
            bounds |= {name: value for name, value in limits.items() if value is not None}
    return bounds, notes
