"""What an app's tasks take and how they are delivered: the catalog that its workers publish.

Types are told as JSON Schema (2020-12): by pydantic where the app has imported it, else from the annotations
alone. What cannot be read is told as taking anything.
"""

import datetime
import hashlib
import inspect
import json
import logging
import types
from collections.abc import Mapping
from typing import Any

from celery import Celery, Task

from celeriac_agent import checks, masking, schedules
from celeriac_agent.hints import hints_of
from celeriac_agent.schemas import default_of, schema_of
from celeriac_agent.secrets import is_secret
from celeriac_agent.stream import to_json

VERSION = 1  # of the document
TASKS_MAX = 20_000
DOC_MAX = 4000
BUILT_IN_PREFIX = "celery."
ROLE = "celeriac_role"  # the task's attribute that says who may run it
_SENT_WITH = ("delivery_mode", "compression")  # beside what has a name of its own here

Facts = dict[str, Any]

logger = logging.getLogger(__name__)


def document(app: Celery, hide: schedules.Hide = masking.by_names) -> Facts:
    """The catalog: each task, how a message must be for the app's workers to read it, and the beat_schedule.

    `hide` masks the secret arguments of a task.
    """
    known = sorted(name for name in app.tasks if not name.startswith(BUILT_IN_PREFIX))
    documents = list(filter(None, (_told(app, name) for name in known[:TASKS_MAX])))
    facts = {
        "v": VERSION,
        "left_out": len(known) - len(documents),
        "delivery": _delivery(app),
        "tasks": documents,
    }
    return facts | {"schedules": _schedules(app, hide)}


def _schedules(app: Celery, hide: schedules.Hide) -> "Facts | None":
    try:
        return schedules.document(app, hide)
    except Exception:  # a configuration is anybody's code; the tasks are told all the same
        return None


def _told(app: Celery, name: str) -> "Facts | None":
    try:
        return facts_of(app, app.tasks[name])
    except Exception:  # a task is anybody's code
        logger.exception("Celeriac is told nothing of the task %s", name)
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
        "accepts": [str(kind) for kind in app.conf.accept_content or ()],
        "priority": app.conf.task_default_priority,
    }


def facts_of(app: Celery, task: Task) -> Facts:
    """What is told of one task."""
    facts = described(app, task) | {"parameters": _parameters(task)}
    place = ("file", "line")  # a task that moves is the same
    facts["fingerprint"] = digest({name: value for name, value in facts.items() if name not in place})
    return facts


def described(app: Celery, task: Task) -> Facts:
    """The same but for its parameters."""
    code = getattr(inspect.unwrap(task.run), "__code__", None)
    facts: Facts = {
        "name": task.name,
        "function": type(task).__name__,
        "module": str(task.__module__),
        "doc": _doc(task),
        "queue": queue_of(app, task),
        "serializer": str(task.serializer or app.conf.task_serializer),
        "priority": task.priority if isinstance(task.priority, int) else None,
        "time_limit": _seconds(task.time_limit),
        "soft_time_limit": _seconds(task.soft_time_limit),
        "rate_limit": str(task.rate_limit) if task.rate_limit else None,
        "retries": _retries(task),
        "max_retries": task.max_retries if isinstance(task.max_retries, int) else None,
        "default_retry_delay": _seconds(task.default_retry_delay) or 0.0,
        "acks_late": bool(task.acks_late),
        "ignore_result": bool(task.ignore_result),
        "role": str(getattr(task, ROLE, None) or ""),
        "options": {name: value for name in _SENT_WITH if (value := _sent_with(task, name)) is not None},
    }
    return facts | {"file": code.co_filename if code else "", "line": code.co_firstlineno if code else None}


def _sent_with(task: Task, name: str) -> Any:
    value = getattr(task, name, None)
    return value if isinstance(value, (str, int, float)) else None


def _doc(task: Task) -> str:
    text = task.__doc__ or getattr(task.run, "__doc__", None)
    return "" if text in (None, Task.__doc__, Task.run.__doc__) else str(text)[:DOC_MAX]


def queue_of(app: Celery, task: Task) -> str:
    """The queue that a plain `delay()` sends to: the task's own, or by `task_routes`, or the default one."""
    own = {name: getattr(task, name, None) for name in ("queue", "exchange", "routing_key")}
    options = {name: value for name, value in own.items() if value is not None}
    try:
        queue = app.amqp.router.route(options, task.name, (), {}, task)["queue"]
    except Exception:  # a router is anybody's code; without arguments it may do anything
        logger.exception("cannot tell the queue of %s", task.name)
        queue = app.conf.task_default_queue
    return str(getattr(queue, "name", queue))


def _seconds(value: Any) -> "float | None":
    if isinstance(value, datetime.timedelta):
        return value.total_seconds()
    return float(value) if isinstance(value, (int, float)) and not isinstance(value, bool) else None


def _retries(task: Task) -> bool:
    """Whether its code retries: by `autoretry_for`, a `max_retries` of its own, or a call of `retry`."""
    if getattr(task, "autoretry_for", ()):
        return True
    kinds = [base for base in type(task).__mro__ if base.__module__ != Task.__module__]
    if any("max_retries" in vars(base) for base in kinds):
        return bool(task.max_retries != 0)
    functions = [inspect.unwrap(task.run)]
    functions += [value for base in kinds for value in vars(base).values() if inspect.isfunction(value)]
    return any(_calls_retry(getattr(function, "__code__", None)) for function in functions)


def _calls_retry(code: Any) -> bool:
    if not isinstance(code, types.CodeType):
        return False
    return "retry" in code.co_names or any(map(_calls_retry, code.co_consts))


def _parameters(task: Task) -> "list[Facts] | None":
    """The parameters in order; None where the signature cannot be read."""
    try:
        parameters = inspect.signature(task.run).parameters.values()
    except Exception:  # a function may say anything of itself
        return None
    hints: Mapping[str, Any] = hints_of(task.run)
    return [_parameter(parameter, hints.get(parameter.name, parameter.empty)) for parameter in parameters]


def _parameter(parameter: inspect.Parameter, hint: Any) -> Facts:
    schema = {} if hint is parameter.empty else schema_of(hint)
    secret = is_secret(parameter.name) or '"password"' in json.dumps(schema)
    facts = {"name": parameter.name, "kind": parameter.kind.name, "schema": schema, "secret": secret}
    if hint is not parameter.empty and checks.needed(hint):
        facts["checks"] = True
    if parameter.default is not parameter.empty:
        default = (
            {} if secret and parameter.default not in (None, "") else default_of(parameter.default, hint)
        )
        facts |= {"optional": True} | default
    return facts
