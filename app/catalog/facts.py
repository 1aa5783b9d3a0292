"""A task's description from the facts that a worker publishes, or from its code where that is loaded."""

import inspect
from collections.abc import Iterator, Mapping, Sequence
from pathlib import PurePath
from typing import Any, Literal, overload

from celery import Celery, Task
from pydantic import BaseModel, Field

from app.broker.priority import DEFAULT_PRIORITY, HIGHEST
from app.catalog.docstrings import read_docstring
from app.catalog.info import TaskInfo, restricted
from app.catalog.parameters import Parameter, parameter_of, parameters_of, read_parameters
from app.catalog.schema_types import type_of
from celeriac_agent import tasks
from celeriac_agent.settings import OWN_APP

OURS = "app"  # the package whose tasks come along
_KINDS: dict[str, Any] = {
    name: getattr(inspect.Parameter, name)
    for name in ("POSITIONAL_ONLY", "POSITIONAL_OR_KEYWORD", "VAR_POSITIONAL", "KEYWORD_ONLY", "VAR_KEYWORD")
}
_NO_DEFAULT = object()  # there is one, which JSON cannot say


class TaskFacts(BaseModel):
    """What must hold of a task that is taken in; the rest is read with care."""

    name: str = Field(min_length=1, max_length=255)
    fingerprint: str = Field(min_length=1, max_length=64)
    doc: str = ""
    module: str = ""
    function: str = ""
    file: str = ""
    line: int | None = None
    queue: str = Field("celery", max_length=255)
    serializer: str = "json"
    priority: int | None = None
    time_limit: float | None = None
    soft_time_limit: float | None = None
    rate_limit: str | None = None
    retries: bool = False
    max_retries: int | None = None
    default_retry_delay: float = 0.0
    acks_late: bool = False
    ignore_result: bool = False
    role: str = ""
    options: dict[str, str | int | float] = {}


KNOWN = {*TaskFacts.model_fields, "parameters"}


def info_of(
    app: str,
    facts: Mapping[str, Any],
    delivery: Mapping[str, Any],
    among: Celery,
    parameters: Sequence[Parameter] | None = None,
) -> TaskInfo:
    """The description of a task of an `app`; `among` says which need the role admin."""
    task, doc = TaskFacts.model_validate(facts), read_docstring(facts.get("doc"))
    ours = app == OWN_APP
    said = delivery.get("priority") if task.priority is None else task.priority
    own = DEFAULT_PRIORITY if said is None else said
    return TaskInfo(
        name=task.name,
        function=task.function,
        module=task.module,
        file=_below_top(task.file, task.module),
        line=task.line,
        summary=doc.summary,
        doc=doc.body,
        parameters=_Parameters(facts.get("parameters"), doc.parameters) if parameters is None else parameters,
        queue=task.queue,
        priority=own if ours else _as_it_counts(said, delivery),
        time_limit=task.time_limit,
        soft_time_limit=task.soft_time_limit,
        rate_limit=task.rate_limit,
        retries=task.retries,
        max_retries=task.max_retries,
        default_retry_delay=task.default_retry_delay,
        acks_late=task.acks_late,
        ignore_result=task.ignore_result,
        origin=_origin(task.module) if ours else "app",
        role=_role(task, among),
        app=None if ours else app,
        serializer=task.serializer,
        prioritised=ours or said is not None,
        options=task.options,
    )


def in_code(celery_app: Celery, task: Task) -> TaskInfo:
    """The description of a task whose code is loaded, with the very types of its parameters."""
    facts = tasks.described(celery_app, task) | {"fingerprint": "code"}
    return info_of(OWN_APP, facts, {}, celery_app, parameters_of(task))


def _origin(module: str) -> Literal["library", "own"]:
    return "library" if module.split(".")[0] == OURS else "own"


def _role(task: TaskFacts, among: Celery) -> Literal["operator", "admin"]:
    """What the code says, or the settings; a role that is not known means admin."""
    return "operator" if task.role in ("", "operator") and not restricted(among, task.name) else "admin"


def _as_it_counts(theirs: Any, delivery: Mapping[str, Any]) -> int:
    """A priority of theirs as it counts here; a message that says none is one of 0."""
    known = min(max(theirs, 0), HIGHEST) if isinstance(theirs, int) else 0
    return HIGHEST - known if delivery.get("broker") == "redis" else known


def _below_top(file: str, module: str) -> str:
    """From the folder that holds the top package on."""
    path = PurePath(file)
    depth = len(module.split(".")) + (path.name == "__init__.py")
    return "/".join(path.parts[-depth:])


class _Parameters(Sequence[Parameter]):
    """The parameters of a task, made when somebody asks: an app may have thousands of tasks."""

    def __init__(self, documents: Any, meanings: Mapping[str, str]) -> None:
        self._told, self._meanings = documents, meanings
        self._made: tuple[Parameter, ...] | None = None

    @overload
    def __getitem__(self, index: int) -> Parameter: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[Parameter]: ...
    def __getitem__(self, index: int | slice) -> Parameter | Sequence[Parameter]:
        return self._all()[index]

    def __len__(self) -> int:
        return len(self._all())

    def __iter__(self) -> Iterator[Parameter]:
        return iter(self._all())

    def _all(self) -> tuple[Parameter, ...]:
        if self._made is None:
            self._made = _parameters(self._told, self._meanings)
        return self._made


def _parameters(documents: Any, meanings: Mapping[str, str]) -> tuple[Parameter, ...]:
    """Those that were told; what cannot be read takes anything."""
    try:
        signature = inspect.Signature([_item(document) for document in documents])
        return tuple(
            parameter_of(
                item,
                type_of(document.get("schema")),
                meanings.get(item.name, ""),
                checks=document.get("checks") is True,
            )
            for item, document in zip(signature.parameters.values(), documents, strict=True)
        )
    except (TypeError, ValueError, AttributeError, KeyError):
        return read_parameters(lambda *args, **kwargs: None, read_docstring(""))


def _item(document: Mapping[str, Any]) -> inspect.Parameter:
    default = document.get("default", _NO_DEFAULT) if document.get("optional") else inspect.Parameter.empty
    return inspect.Parameter(document["name"], _KINDS[document["kind"]], default=default)
