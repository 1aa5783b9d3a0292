"""What is worth knowing about a task, as workers publish it."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Any, Literal

from celery import Celery
from flask_babel import pgettext

from app.catalog.parameters import Parameter
from celeriac_agent.settings import OWN_APP

BUILT_IN_PREFIX = "celery."
LIBRARY_TEXTS = "library"  # the context of their messages; see app/catalog/library_texts.py


@dataclass(frozen=True, eq=False)
class TaskInfo:
    """A task. Durations are in seconds; `priority` is the one of every page, 9 the most urgent."""

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
    app: str | None = None  # of another app
    serializer: str = "json"
    prioritised: bool = True  # whether a run that is asked for without a priority is sent with this one
    options: Mapping[str, Any] = field(default_factory=dict)  # what else its messages are sent with

    @property
    def app_name(self) -> str:
        """The app whose task it is, by the name that is shown and asked for."""
        return self.app or OWN_APP

    @property
    def key(self) -> tuple[str, str]:
        """What tells it from every other task: its app's name and its own."""
        return self.app_name, self.name

    def translated(self, text: str) -> str:
        """What its docstring or a parameter's description says, as the viewer reads it.

        The tasks that come along speak the viewer's language, all others that of their docstring.
        """
        return pgettext(LIBRARY_TEXTS, text) if text and self.origin == "library" else text

    @property
    def what(self) -> str:
        """The summary, as the viewer reads it."""
        return self.translated(self.summary)

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


def matching(tasks: Sequence[TaskInfo], text: str) -> list[TaskInfo]:
    """The tasks that have every word of `text` in their name, summary or queue."""
    words = text.casefold().split()
    return [info for info in tasks if all(word in _searched(info) for word in words)]


def _searched(info: TaskInfo) -> str:
    return f"{info.name} {info.summary} {info.what} {info.queue}".casefold()


def restrict(among: Celery, patterns: Iterable[str]) -> None:
    """Let tasks of these names, with * for any letters, need the role admin, whatever they say themselves."""
    among.celeriac_admin_tasks = tuple(patterns)


def restricted(among: Celery, task_name: str) -> bool:
    """Whether `restrict` named a task."""
    return any(fnmatchcase(task_name, pattern) for pattern in restrictions(among))


def restrictions(among: Celery) -> tuple[str, ...]:
    """The names that `restrict` was given."""
    patterns: tuple[str, ...] = getattr(among, "celeriac_admin_tasks", ())
    return patterns
