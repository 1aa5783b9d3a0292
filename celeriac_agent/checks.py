"""Checks of arguments that only the app's own code can make: Celeriac asks a worker before it sends a run.

The code is anybody's. It runs in a thread beside the worker's loop, which waits for it half a second at most;
while one such check goes on, no other begins.
"""

import inspect
import json
import sys
import threading
from collections.abc import Callable, Mapping
from typing import Any

from celery import Celery
from celery.worker.control import inspect_command

from celeriac_agent.hints import hints_of
from celeriac_agent.schemas import adapter_of, is_authors

COMMAND = "celeriac_check"
PATIENCE_SECONDS = 0.5
PROBLEMS_MAX = 20  # of one argument
WORDS_MAX = 500
_FUNCTIONS = ("function-before", "function-after", "function-wrap", "function-plain")
_NO_SCHEMA = ("metadata", "serialization", "default", "config")  # of a core schema's keys

Problems = dict[str, list[dict[str, Any]]]

_checking = threading.Lock()


def needed(hint: Any) -> bool:
    """Whether code of the author's looks at the values of a type."""
    try:
        adapter = adapter_of(hint)
        return adapter is not None and _holds_code(adapter.core_schema)
    except Exception:  # a type may bring its own code for this, which may raise anything
        return False


def answering(consumer: Any) -> bool:
    """Whether a worker can be asked at all."""
    wanted: bool = consumer.app.conf.worker_enable_remote_control
    return wanted and bool(consumer.conninfo.supports_exchange_type("fanout"))


@inspect_command(name=COMMAND)  # type: ignore[untyped-decorator]  # Celery ships no types
def check(state: Any, task_name: str, values: dict[str, Any], **_: Any) -> dict[str, Any]:
    """What the task's own code says against these values, by parameter, and which are `unchecked`."""
    problems_found = _in_time(lambda: problems(state.app, task_name, values))
    if problems_found is None:
        return {"error": "the checks take too long"}
    return {"ok": {"problems": problems_found[0], "unchecked": problems_found[1]}}


def problems(app: Celery, task_name: str, values: Mapping[str, Any]) -> tuple[Problems, list[str]]:
    """The problems by parameter, as pydantic tells them without the values; and what is unchecked."""
    by_name: Problems = {}
    unchecked = []
    types = _types(app.tasks.get(task_name))
    for name, value in values.items():
        try:
            if wrong := _problems_of(types[name], value):
                by_name[name] = wrong
        except Exception:  # the author's code may need what only a running task has
            unchecked.append(name)
    return by_name, unchecked


def _problems_of(hint: Any, value: Any) -> list[dict[str, Any]]:
    adapter = adapter_of(hint)
    try:
        adapter.validate_json(json.dumps(value))
    except getattr(sys.modules.get("pydantic_core"), "ValidationError", ()) as error:
        return [_told(problem) for problem in error.errors(include_url=False)[:PROBLEMS_MAX]]
    return []


def _types(task: Any) -> dict[str, Any]:
    """The type of each parameter's whole value."""
    if task is None:
        return {}
    hints, types = hints_of(task.run), {}
    for name, parameter in inspect.signature(task.run).parameters.items():
        if name in hints:
            types[name] = _whole(parameter, hints[name])
    return types


def _whole(parameter: inspect.Parameter, hint: Any) -> Any:
    if parameter.kind is parameter.VAR_POSITIONAL:
        return list[hint]
    return dict[str, hint] if parameter.kind is parameter.VAR_KEYWORD else hint


def _told(error: Mapping[str, Any]) -> dict[str, Any]:
    context = {name: _plain(value) for name, value in error.get("ctx", {}).items()}
    problem = {"type": str(error["type"]), "loc": [_plain(step) for step in error["loc"]]}
    return problem | {"msg": str(error["msg"])[:WORDS_MAX], "ctx": context}


def _plain(value: Any) -> Any:
    return value if isinstance(value, (int, float, bool)) else str(value)[:WORDS_MAX]


def _in_time(work: Callable[[], Any]) -> Any:
    """What the work returns; None when it takes too long, or earlier work does still."""
    done: list[Any] = []
    if not _checking.acquire(blocking=False):
        return None

    def run() -> None:
        try:
            done.append(work())
        finally:
            _checking.release()

    thread = threading.Thread(target=run, name="celeriac-check", daemon=True)
    thread.start()
    thread.join(PATIENCE_SECONDS)
    return done[0] if done else None


def _holds_code(schema: Any) -> bool:
    if isinstance(schema, (list, tuple)):
        return any(map(_holds_code, schema))
    if not isinstance(schema, dict):
        return False
    if schema.get("type") in _FUNCTIONS and is_authors(schema["function"]["function"]):
        return True
    return any(_holds_code(value) for name, value in schema.items() if name not in _NO_SCHEMA)
