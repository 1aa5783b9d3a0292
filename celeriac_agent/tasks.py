"""What an app's tasks take and how they are delivered: the catalog that its workers publish.

Types are told as JSON Schema (2020-12): by pydantic where the app has imported it, else from the annotations
alone. What cannot be read is told as taking anything.
"""

import collections.abc
import dataclasses
import datetime
import decimal
import enum
import hashlib
import inspect
import json
import sys
import types
import typing
import uuid
from collections.abc import Callable, Mapping
from pathlib import PurePath
from typing import Any, Literal, Union, get_args, get_origin

from celery import Celery, Task

from celeriac_agent import masking, schedules
from celeriac_agent.secrets import is_secret
from celeriac_agent.stream import to_json

VERSION = 1  # of the document
TASKS_MAX = 20_000
DOC_MAX = 4000
SCHEMA_MAX = 20_000
DEFAULT_MAX = 4000
BUILT_IN_PREFIX = "celery."
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
_UNIONS = (Union, getattr(types, "UnionType", Union))

Facts = dict[str, Any]


def document(app: Celery, hide: schedules.Hide = masking.by_names) -> Facts:
    """The catalog: each task, how a message must be for the app's workers to read it, and the beat_schedule.

    `hide` masks the secret arguments of a task.
    """
    known = sorted(name for name in app.tasks if not name.startswith(BUILT_IN_PREFIX))
    told = [_task(app, app.tasks[name]) for name in known[:TASKS_MAX]]
    facts = {"v": VERSION, "left_out": len(known) - len(told), "delivery": _delivery(app), "tasks": told}
    return facts | {"schedules": _schedules(app, hide)}


def _schedules(app: Celery, hide: schedules.Hide) -> "Facts | None":
    try:
        return schedules.document(app, hide)
    except Exception:  # a configuration is anybody's code; the tasks are told all the same
        return None


def digest(facts: Any) -> str:
    """The name of what these facts say."""
    return hashlib.sha256(to_json(facts).encode("utf-8", "replace")).hexdigest()[:32]


def _delivery(app: Celery) -> Facts:
    """What a sender has to know."""
    with app.connection_for_write() as connection:
        driver, options = str(connection.transport.driver_type), dict(connection.transport_options or {})
    kept = ("priority_steps", "sep", "global_keyprefix", "queue_order_strategy")
    return {
        "broker": driver,
        "options": {name: options[name] for name in kept if isinstance(options.get(name), (str, list))},
        "accepts": [str(one) for one in app.conf.accept_content or ()],
        "priority": app.conf.task_default_priority,
    }


def _task(app: Celery, task: Task) -> Facts:
    function = inspect.unwrap(task.run)
    code = getattr(function, "__code__", None)
    facts: Facts = {
        "name": task.name,
        "function": type(task).__name__,
        "module": str(task.__module__),
        "doc": _doc(task),
        "parameters": _parameters(task),
        "queue": _queue(app, task),
        "serializer": str(task.serializer or app.conf.task_serializer),
        "priority": task.priority if isinstance(task.priority, int) else None,
        "time_limit": _seconds(task.time_limit),
        "soft_time_limit": _seconds(task.soft_time_limit),
        "rate_limit": str(task.rate_limit) if task.rate_limit else None,
        "retries": bool(getattr(task, "autoretry_for", ())) or _calls_retry(code),
        "max_retries": task.max_retries if isinstance(task.max_retries, int) else None,
        "default_retry_delay": _seconds(task.default_retry_delay) or 0.0,
        "acks_late": bool(task.acks_late),
        "ignore_result": bool(task.ignore_result),
    }
    facts["fingerprint"] = digest(facts)
    return facts | {"file": code.co_filename if code else "", "line": code.co_firstlineno if code else None}


def _doc(task: Task) -> str:
    text = task.__doc__ or getattr(task.run, "__doc__", None)
    return "" if text in (None, Task.__doc__, Task.run.__doc__) else str(text)[:DOC_MAX]


def _queue(app: Celery, task: Task) -> str:
    own = {name: getattr(task, name, None) for name in ("queue", "exchange", "routing_key")}
    options = {name: value for name, value in own.items() if value is not None}
    try:
        queue = app.amqp.router.route(options, task.name, (), {}, task)["queue"]
    except Exception:  # a router is anybody's code; without arguments it may do anything
        queue = app.conf.task_default_queue
    return str(getattr(queue, "name", queue))


def _seconds(value: Any) -> "float | None":
    if isinstance(value, datetime.timedelta):
        return value.total_seconds()
    return float(value) if isinstance(value, (int, float)) and not isinstance(value, bool) else None


def _calls_retry(code: Any) -> bool:
    if not isinstance(code, types.CodeType):
        return False
    return "retry" in code.co_names or any(map(_calls_retry, code.co_consts))


def _parameters(task: Task) -> "list[Facts] | None":
    """The parameters in order; None where the signature cannot be read."""
    try:
        found = inspect.signature(task.run).parameters.values()
    except Exception:  # a function may say anything of itself
        return None
    hints = _hints(task.run)
    return [_parameter(one, hints.get(one.name, one.empty)) for one in found]


def _hints(function: Callable[..., Any]) -> Mapping[str, Any]:
    plain = inspect.unwrap(function)
    plain = getattr(plain, "__func__", plain)
    try:
        return typing.get_type_hints(plain, include_extras=True)
    except Exception:  # a hint may run any code
        return {}


def _parameter(one: inspect.Parameter, hint: Any) -> Facts:
    schema = {} if hint is one.empty else _schema(hint)
    secret = is_secret(one.name) or "password" in json.dumps(schema.get("format", ""))
    facts = {"name": one.name, "kind": one.kind.name, "schema": schema, "secret": secret}
    if one.default is not one.empty:
        facts |= {"optional": True} | ({} if secret else _default(one.default))
    return facts


def _default(value: Any) -> Facts:
    """The default as JSON, where it can be said so."""
    try:
        text = json.dumps(value.value if isinstance(value, enum.Enum) else value, allow_nan=False)
    except (TypeError, ValueError, RecursionError):
        return {}
    return {"default": json.loads(text)} if len(text) <= DEFAULT_MAX else {}


def _schema(hint: Any) -> Facts:
    pydantic = sys.modules.get("pydantic")  # not imported for this: an app without it stays without it
    try:
        if hasattr(pydantic, "TypeAdapter"):
            found = dict(pydantic.TypeAdapter(hint).json_schema())  # type: ignore[union-attr]
        else:
            found = _of(hint)
        return found if len(json.dumps(found)) <= SCHEMA_MAX else {}
    except Exception:  # a type may bring its own code for this
        return {}


def _of(hint: Any) -> Facts:
    """The schema of an annotation, without pydantic; empty for what has none."""
    origin, arguments = get_origin(hint), get_args(hint)
    if hasattr(hint, "__supertype__"):  # a NewType
        return _of(hint.__supertype__)
    if hasattr(hint, "__metadata__"):  # Annotated
        return _of(hint.__origin__)
    if isinstance(hint, type) and issubclass(hint, enum.Enum):
        return {"enum": [member.value for member in hint]}
    if hint in _SCALARS:
        return dict(_SCALARS[hint])
    if origin is Literal:
        return {"enum": list(arguments)}
    if origin in _UNIONS:
        return {"anyOf": [_of(one) for one in arguments]}
    if origin is tuple and not (len(arguments) == 2 and arguments[1] is Ellipsis):
        return {"type": "array"}
    if (origin or hint) in _LISTS:
        return {"type": "array"} | ({"items": _of(arguments[0])} if arguments else {})
    if (origin or hint) in (dict, collections.abc.Mapping, collections.abc.MutableMapping):
        return {"type": "object"} | (
            {"additionalProperties": _of(arguments[1])} if len(arguments) == 2 else {}
        )
    if isinstance(hint, type) and issubclass(hint, PurePath):
        return {"type": "string", "format": "path"}
    if dataclasses.is_dataclass(hint):
        return {"type": "object"}
    return {}
