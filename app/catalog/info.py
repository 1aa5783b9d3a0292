"""The tasks that are registered with the Celery app, and what is worth knowing about each."""

import inspect
import logging
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from types import CodeType
from typing import Any, Literal
from weakref import WeakKeyDictionary

from celery import Celery, Task

from app.broker.priority import DEFAULT_PRIORITY
from app.catalog.docstrings import read_docstring
from app.catalog.parameters import Parameter, docstring_of, parameters_of
from app.extensions import celery_app

BUILT_IN_PREFIX = "celery."
OURS = "app"  # the package whose tasks come along
ROLE = "celeriac_role"  # the task's attribute; a role that is not known means admin

logger = logging.getLogger(__name__)


@dataclass(frozen=True, eq=False)
class TaskInfo:
    """A registered task. Durations are in seconds; `priority` is the one of every page, 9 the most urgent."""

    name: str
    function: str  # the function's name, or the class's
    module: str
    file: str  # from the folder that holds the top package: reports/tasks.py; empty when unknown
    line: int | None
    summary: str
    doc: str  # what follows the summary in the docstring, without the parameters
    parameters: Sequence[Parameter]
    queue: str
    priority: int
    time_limit: float | None
    soft_time_limit: float | None
    rate_limit: str | None
    retries: bool  # whether it ever asks to be tried again
    max_retries: int | None  # None: no limit
    default_retry_delay: float
    acks_late: bool
    ignore_result: bool
    origin: Literal["library", "own", "app"]
    role: Literal["operator", "admin"]  # who may run and schedule it: this role, and those above
    app: str | None = None  # of another app, whose workers published it
    serializer: str = "json"
    prioritised: bool = True  # whether a run that is asked for without a priority is sent with this one

    def parameter(self, name: str) -> Parameter | None:
        return next((p for p in self.parameters if p.name == name), None)

    def receiver(self, name: str) -> Parameter | None:
        """The parameter that takes a keyword argument: the one of that name, else `**kwargs`."""
        return self.parameter(name) or next((p for p in self.parameters if p.takes_extra), None)

    def places(self, count: int) -> list[str]:
        """The names of the parameters that take so many positional arguments; "" for each one too many."""
        names = [p.name for p in self.parameters if p.positional]
        rest = next((p.name for p in self.parameters if p.takes_rest), "")
        return (names + [rest] * count)[:count]


_cache: WeakKeyDictionary[Task, TaskInfo] = WeakKeyDictionary()


def own_listing() -> list[TaskInfo]:
    """Every task of our own but Celery's, by name."""
    names = sorted(name for name in celery_app.tasks if not name.startswith(BUILT_IN_PREFIX))
    return [_info(celery_app, celery_app.tasks[name]) for name in names]


def matching(tasks: Sequence[TaskInfo], text: str) -> list[TaskInfo]:
    """The tasks that have every word of `text` in their name, summary or queue."""
    words = text.casefold().split()
    return [info for info in tasks if all(word in _searched(info) for word in words)]


def _searched(info: TaskInfo) -> str:
    return f"{info.name} {info.summary} {info.queue}".casefold()


def own(name: str, among: Celery = celery_app) -> TaskInfo | None:
    """Our own task of that name. Without a current Flask app, say among which app's tasks."""
    task = None if name.startswith(BUILT_IN_PREFIX) else among.tasks.get(name)
    return None if task is None else _info(among, task)


def _info(among: Celery, task: Task) -> TaskInfo:
    try:
        return _cache[task]
    except KeyError:
        return _cache.setdefault(task, _read(among, task))


def _read(among: Celery, task: Task) -> TaskInfo:
    doc = read_docstring(docstring_of(task))
    file, line = _source(inspect.unwrap(task.run))
    module = task.__module__
    return TaskInfo(
        name=task.name,
        function=type(task).__name__,
        module=module,
        file=file,
        line=line,
        summary=doc.summary,
        doc=doc.body,
        parameters=parameters_of(task),
        queue=queue_of(among, task),
        priority=DEFAULT_PRIORITY if task.priority is None else task.priority,
        time_limit=task.time_limit,
        soft_time_limit=task.soft_time_limit,
        rate_limit=str(task.rate_limit) if task.rate_limit else None,
        retries=_retries(task),
        max_retries=task.max_retries,
        default_retry_delay=task.default_retry_delay,
        acks_late=bool(task.acks_late),
        ignore_result=bool(task.ignore_result),
        origin="library" if module.split(".")[0] == OURS else "own",
        role=_role(among, task),
    )


def restrict(among: Celery, patterns: Iterable[str]) -> None:
    """Let tasks of these names, with * for any letters, need the role admin, whatever they say themselves."""
    among.celeriac_admin_tasks = tuple(patterns)


def _role(among: Celery, task: Task) -> Literal["operator", "admin"]:
    says_nothing = getattr(task, ROLE, None) in (None, "operator")
    return "operator" if says_nothing and not restricted(among, task.name) else "admin"


def restricted(among: Celery, task_name: str) -> bool:
    """Whether `restrict` named a task, which may be another app's."""
    patterns = getattr(among, "celeriac_admin_tasks", ())
    return any(fnmatchcase(task_name, pattern) for pattern in patterns)


def _retries(task: Task) -> bool:
    """Whether its code retries: by `autoretry_for`, a `max_retries` of its own, or a call of `retry`."""
    if getattr(task, "autoretry_for", ()):
        return True
    kinds = [one for one in type(task).__mro__ if one.__module__ != Task.__module__]
    if any("max_retries" in vars(one) for one in kinds):
        return bool(task.max_retries != 0)
    functions = [inspect.unwrap(task.run)]
    functions += [value for one in kinds for value in vars(one).values() if inspect.isfunction(value)]
    return any(_calls_retry(getattr(one, "__code__", None)) for one in functions)


def _calls_retry(code: Any) -> bool:
    if not isinstance(code, CodeType):
        return False
    return "retry" in code.co_names or any(map(_calls_retry, code.co_consts))


def _source(function: Any) -> tuple[str, int | None]:
    """Where the function stands: its file from the top package's folder on, and its line."""
    code = getattr(function, "__code__", None)
    if code is None:
        return "", None
    path = Path(code.co_filename)
    depth = len(function.__module__.split(".")) + (path.name == "__init__.py")
    return "/".join(path.parts[-depth:]), code.co_firstlineno


def queue_of(celery_app: Celery, task: Task) -> str:
    """The queue that a plain `delay()` sends to: the task's own, or by `task_routes`, or the default one."""
    own = {name: getattr(task, name, None) for name in ("queue", "exchange", "routing_key")}
    options = {name: value for name, value in own.items() if value is not None}
    try:
        queue = celery_app.amqp.router.route(options, task.name, (), {}, task)["queue"]
    except Exception:  # a router is the user's own code; without arguments it may do anything
        logger.exception("cannot tell the queue of %s", task.name)
        queue = celery_app.conf.task_default_queue
    return str(getattr(queue, "name", queue))
