"""A task function's signature as parameters: what a form asks for, and what is checked and converted."""

import inspect
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any
from weakref import WeakKeyDictionary

from celery import Task
from pydantic import TypeAdapter
from pydantic_core import PydanticSerializationError, to_jsonable_python

from app.catalog import json_values
from app.catalog.annotations import EMPTY, adapter_of, is_native
from app.catalog.docstrings import Doc, read_docstring
from app.catalog.model_parts import parts_of
from app.catalog.shapes import Kind, Shape, json_schema_of, shape_of
from celeriac_agent.hints import Unresolved, hints_of
from celeriac_agent.secrets import is_secret

PAGE = 2000  # characters; a text that may be longer gets a field of several lines

_PARAMETER = inspect.Parameter


class NoValue:
    """The type of `NO_VALUE`, which says that there is no default, or none that JSON can express."""

    def __repr__(self) -> str:
        return "NO_VALUE"


NO_VALUE = NoValue()


@dataclass(frozen=True, eq=False)
class Parameter:
    """One parameter of a task.

    A `*args` parameter is a list and a `**kwargs` parameter an object, both never required. `adapter` is
    None when nothing can be checked: there is no type hint, it cannot be resolved, or pydantic does not
    know the type.
    """

    name: str
    passing: Any  # one of inspect's five kinds of parameter
    annotation: Any  # EMPTY without a type hint
    default: Any  # the Python value; EMPTY without a default
    description: str
    shape: Shape
    adapter: TypeAdapter[Any] | None
    native: bool  # nothing to convert between JSON and the annotated type
    checks: bool = False  # code of the author's looks at the value, which only a worker can run

    @property
    def kind(self) -> Kind:
        return self.shape.kind

    @property
    def required(self) -> bool:
        return self.default is EMPTY and not self.variadic

    @property
    def variadic(self) -> bool:
        return self.takes_rest or self.takes_extra

    @property
    def takes_rest(self) -> bool:
        """True for `*args`."""
        return bool(self.passing is _PARAMETER.VAR_POSITIONAL)

    @property
    def takes_extra(self) -> bool:
        """True for `**kwargs`."""
        return bool(self.passing is _PARAMETER.VAR_KEYWORD)

    @property
    def positional(self) -> bool:
        """True when the value may be given by its place."""
        return self.passing in (_PARAMETER.POSITIONAL_ONLY, _PARAMETER.POSITIONAL_OR_KEYWORD)

    @property
    def positional_only(self) -> bool:
        return bool(self.passing is _PARAMETER.POSITIONAL_ONLY)

    @property
    def keyword_only(self) -> bool:
        return bool(self.passing is _PARAMETER.KEYWORD_ONLY)

    @cached_property
    def schema(self) -> dict[str, Any]:
        """The JSON Schema of this one value, with its own `$defs`."""
        return json_schema_of(self.adapter)

    @cached_property
    def default_json(self) -> Any:
        """The default as a JSON value; `NO_VALUE` when there is none or JSON cannot express it."""
        if self.default is EMPTY:
            return NO_VALUE
        try:
            if self.adapter is None:
                value = to_jsonable_python(self.default)
            else:
                value = self.adapter.dump_python(self.default, mode="json", by_alias=True, warnings=False)
        except (PydanticSerializationError, ValueError, TypeError, AttributeError):
            return NO_VALUE
        return NO_VALUE if json_values.problem(value) else value

    @cached_property
    def secret(self) -> bool:
        """True when the value must not be shown: its name says so, or its type (SecretStr)."""
        return self.kind is not Kind.BOOL and (is_secret(self.name) or _holds_secret(self.schema))

    @cached_property
    def secret_keys(self) -> frozenset[str]:
        """Fields of this parameter's models whose type is secret, whatever their name."""
        return frozenset(_secret_properties(self.schema))

    @cached_property
    def parts(self) -> "tuple[Parameter, ...]":
        """The fields of a model, each as a parameter; none for any other type."""
        if self.kind is not Kind.MODEL:
            return ()
        keyword = _PARAMETER.KEYWORD_ONLY
        return tuple(
            parameter_of(_PARAMETER("part", keyword, default=part.default), part.annotation, "", part.name)
            for part in parts_of(self.shape.core)
        )

    @property
    def multiline(self) -> bool:
        """True when the text may have several lines.

        `json_schema_extra={"multiline": True}` says so, or the description, the default, or room for a page.
        """
        extra = self.shape.extra
        wanted = extra.get("multiline") or extra.get("format") in ("multiline", "textarea")
        described = "multiline" in self.description.lower().replace("-", "")
        roomy = (self.shape.bounds.max_length or 0) >= PAGE and not self.shape.bounds.pattern
        return bool(wanted) or described or roomy or (isinstance(self.default, str) and "\n" in self.default)


_cache: WeakKeyDictionary[Task, tuple[Parameter, ...]] = WeakKeyDictionary()


def parameters_of(task: Task) -> tuple[Parameter, ...]:
    """The parameters of a registered task, without a bound task's `self`. Read once per task."""
    if task not in _cache:
        _cache[task] = read_parameters(task.run, read_docstring(docstring_of(task)))
    return _cache[task]


def docstring_of(task: Task) -> str | None:
    """The task's own docstring, or that of its `run` method; not the one inherited from Celery."""
    text = task.__doc__ or getattr(task.run, "__doc__", None)
    return None if text in (Task.__doc__, Task.run.__doc__) else text


def read_parameters(function: Callable[..., Any], doc: Doc) -> tuple[Parameter, ...]:
    """The parameters of any callable; one without a readable signature takes anything."""
    try:
        signature = inspect.signature(function)
    except (ValueError, TypeError):
        signature = inspect.signature(lambda *args, **kwargs: None)
    hints = hints_of(function)
    return tuple(
        parameter_of(item, hints.get(item.name, EMPTY), doc.parameters.get(item.name, ""))
        for item in signature.parameters.values()
    )


def parameter_of(
    item: inspect.Parameter, hint: Any, meaning: str, name: str = "", checks: bool = False
) -> Parameter:
    """One parameter of a signature; `meaning` is what a docstring says of it, `name` another than its own."""
    annotation = _collected(item, hint)
    adapter = None if hint is EMPTY or isinstance(hint, Unresolved) else adapter_of(annotation)
    try:
        shape = shape_of(annotation) if adapter else _free_shape(item, annotation)
        native = adapter is None or is_native(annotation)
    except RecursionError:  # a type alias that stands for something of itself
        shape, native = _free_shape(item, annotation), True
    return Parameter(
        name=name or item.name,
        passing=item.kind,
        annotation=annotation,
        default=item.default,
        description=shape.description or meaning,
        shape=shape,
        adapter=adapter,
        native=native,
        checks=checks,
    )


def _collected(item: inspect.Parameter, hint: Any) -> Any:
    """The type of the whole value: `*args: int` is a list of int, `**kwargs: int` an object of int."""
    if hint is EMPTY or isinstance(hint, Unresolved):
        return hint
    if item.kind is _PARAMETER.VAR_POSITIONAL:
        return list[hint]
    if item.kind is _PARAMETER.VAR_KEYWORD:
        return dict[str, hint]
    return hint


def _free_shape(item: inspect.Parameter, annotation: Any) -> Shape:
    if item.kind is _PARAMETER.VAR_POSITIONAL:
        return Shape(Kind.LIST, annotation)
    return Shape(Kind.DICT if item.kind is _PARAMETER.VAR_KEYWORD else Kind.JSON, annotation)


def _holds_secret(schema: dict[str, Any]) -> bool:
    """True when the value itself, one of its alternatives or each of its items is a secret string."""
    if schema.get("format") == "password":
        return True
    parts = [*schema.get("anyOf", []), schema.get("items"), schema.get("additionalProperties")]
    return any(isinstance(part, dict) and _holds_secret(part) for part in parts)


def _secret_properties(schema: Any) -> Iterator[str]:
    if isinstance(schema, list):
        for item in schema:
            yield from _secret_properties(item)
    elif isinstance(schema, dict):
        properties = schema.get("properties")
        for name, part in properties.items() if isinstance(properties, dict) else ():
            if isinstance(part, dict) and _holds_secret(part):
                yield name
        for part in schema.values():
            yield from _secret_properties(part)
