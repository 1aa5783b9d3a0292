"""A task's parameters as a JSON Schema (draft 2020-12)."""

from typing import Any

from pydantic import PydanticUserError, TypeAdapter

from app.catalog.info import TaskInfo
from app.catalog.parameters import NO_VALUE, Parameter

DIALECT = "https://json-schema.org/draft/2020-12/schema"


def schema(info: TaskInfo) -> dict[str, Any]:
    """The JSON Schema of the object of named arguments that `POST /runs` takes as `kwargs`.

    Beside the standard words, `x-kind` says how a form asks for the value, `x-secret` that it is masked, and
    `x-checked-by-code` that code of the task looks at it as well.
    """
    schemas, definitions = _schemas(info)
    properties = {p.name: _property(p, schemas[p.name]) for p in info.parameters if not p.takes_extra}
    extra = next((p for p in info.parameters if p.takes_extra), None)
    document = {
        "$schema": DIALECT,
        "type": "object",
        "properties": properties,
        "required": [p.name for p in info.parameters if p.required],
        "additionalProperties": schemas[extra.name].get("additionalProperties", True) if extra else False,
    }
    return document | ({"$defs": definitions} if definitions else {})


def _schemas(info: TaskInfo) -> tuple[dict[str, dict[str, Any]], dict[str, Any]]:
    """Each parameter's schema, and the definitions that they share."""
    free = {p.name: {"type": "array"} if p.takes_rest else {} for p in info.parameters}
    adapters = [(p.name, p.adapter) for p in info.parameters if p.adapter and p.schema]
    try:
        schemas, shared = TypeAdapter.json_schemas(
            [(name, "validation", adapter) for name, adapter in adapters]
        )
    except PydanticUserError:  # two types that do not go together; each was fine alone
        return free | {p.name: {} for p in info.parameters}, {}
    return free | {name: dict(schemas[name, "validation"]) for name, _ in adapters}, shared.get("$defs", {})


def _property(parameter: Parameter, value_schema: dict[str, Any]) -> dict[str, Any]:
    notes: dict[str, Any] = {"x-kind": str(parameter.kind)}
    if parameter.description:
        notes["description"] = parameter.description
    if parameter.checks:
        notes["x-checked-by-code"] = True
    if parameter.secret:
        notes["x-secret"] = True
    elif parameter.default_json is not NO_VALUE:
        notes["default"] = parameter.default_json
    return value_schema | notes
