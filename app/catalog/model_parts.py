"""The fields of a model (pydantic, dataclass, TypedDict), as a form asks for them one by one."""

import dataclasses
import inspect
import typing
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, Any, NotRequired, Required, get_args, get_origin

from pydantic import BaseModel, Field, RootModel
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined
from typing_extensions import ReadOnly, is_typeddict

_SOME = object()  # there is a default, which is made anew each time


@dataclass(frozen=True)
class Part:
    """One field of a model, by the name that JSON has for it; `default` is EMPTY where it is required."""

    name: str
    annotation: Any
    default: Any


def parts_of(core: Any) -> list[Part]:
    """The fields of a model; none when it is none, or one of them has no single name in JSON."""
    try:
        return list(_parts(core))
    except (LookupError, NameError, TypeError):  # names that cannot be resolved; no single name
        return []


def _parts(core: Any) -> Iterator[Part]:
    if not isinstance(core, type):
        return
    if issubclass(core, BaseModel):
        if not issubclass(core, RootModel):
            yield from (_of_model(name, info) for name, info in core.model_fields.items())
    elif is_typeddict(core):
        yield from _of_typed_dict(core)
    elif dataclasses.is_dataclass(core):
        hints = typing.get_type_hints(core, include_extras=True)
        for field in dataclasses.fields(core):
            if field.init:
                made = field.default_factory is not dataclasses.MISSING
                default = (
                    field.default if field.default is not dataclasses.MISSING else inspect.Parameter.empty
                )
                yield Part(field.name, hints[field.name], _SOME if made else default)


def _of_model(name: str, info: FieldInfo) -> Part:
    alias = info.validation_alias or info.alias or name
    if not isinstance(alias, str):
        raise LookupError(name)
    notes = Field(description=info.description, json_schema_extra=info.json_schema_extra)
    source: Any = (info.annotation, *info.metadata, notes)
    annotation: Any = Annotated[source]
    default = inspect.Parameter.empty if info.default is PydanticUndefined else info.default
    return Part(alias, annotation, _SOME if info.default_factory else default)


def _of_typed_dict(core: Any) -> Iterator[Part]:
    for name, hint in typing.get_type_hints(core, include_extras=True).items():
        while get_origin(hint) in (Required, NotRequired, ReadOnly):
            hint = get_args(hint)[0]
        yield Part(name, hint, inspect.Parameter.empty if name in core.__required_keys__ else _SOME)
