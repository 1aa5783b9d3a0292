"""Tasks of any kind become tasks of ours: those with a base class of their own, or of another Celery object.

A task's own class is mixed with the app's base, which comes first: arguments are converted and the context of
the Flask app is there before the task's own `__call__` is reached. What cannot be mixed stays as it is and is
named, with the reason, on the Tasks page and by `doctor`.
"""

import inspect
import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from celery import Celery, Task, _state
from flask_babel import lazy_gettext as _l

from app.celery.task import CeleriacTask

BUILT_IN_PREFIX = "celery."

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class NotTakenOver:
    """A task that is not one of ours, and why (a sentence)."""

    task_name: str
    module: str
    reason: Any


class CeleriacApp(Celery):  # type: ignore[misc]  # Celery ships no types
    """A Celery app whose every task gets what the app's base task gives."""

    log_cls = "celeriac_agent.logs:LineLogging"

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self.not_taken_over: list[NotTakenOver] = []
        super().__init__(*args, **kwargs)

    def _task_from_fun(self, fun: Any, name: str | None = None, base: Any = None, **options: Any) -> Task:
        """Every decorated function passes here, also those of `@shared_task`."""
        name = name or self.gen_task_name(fun.__name__, fun.__module__)
        if base is not None and name not in self._tasks:
            base = self._adopted(base, name, fun.__module__) or base
        return super()._task_from_fun(fun, name=name, base=base, **options)

    def register_task(self, task: Any, **options: Any) -> Task:
        """Tasks that are classes pass here."""
        task = task() if inspect.isclass(task) else task
        kind = type(task)
        name = task.name or self.gen_task_name(kind.__name__, kind.__module__)
        adopted = self._adopted(kind, name, kind.__module__, name=name)
        if adopted is not None:
            task.__class__ = adopted
        return super().register_task(task, **options)

    def adopt(self, task: Task) -> None:
        """Register a task of another Celery object as one of this app."""
        kind, theirs = type(task), task.app
        # What binding took from the other app's configuration is taken from this one's.
        conf = {attr: None for attr, key in kind.from_config if getattr(kind, attr, None) == theirs.conf[key]}
        conf |= {"acks_on_failure": None, "acks_on_timeout": None}
        adopted = self._adopted(kind, task.name, kind.__module__, conf, name=task.name, app=self)
        if adopted is None:
            return
        copy = adopted.__new__(adopted)
        facts = vars(task)
        made = {"_app", "_backend", "_exec_options", *(("run", "_orig_run") if "_orig_run" in facts else ())}
        copy.__dict__.update({attr: value for attr, value in facts.items() if attr not in made})
        super().register_task(copy)

    def _adopted(
        self, kind: Any, task_name: str, module: str, conf: dict[str, Any] | None = None, **attributes: Any
    ) -> Any:
        """The class mixed with the app's base; None, after that was noted, if it cannot be.

        `conf` holds what goes before the class's own attributes, but after those of the base.
        """
        try:
            return adopted(self.Task, _with(kind, conf) if conf else kind, **attributes)
        except Exception as error:  # a metaclass and `__init_subclass__` are anybody's code
            reason = _l(
                "Its class %(name)s cannot be derived from: %(error)s",
                name=getattr(kind, "__qualname__", repr(kind)),
                error=f"{type(error).__name__}: {error}",
            )
            self._note(task_name, module, reason)
            return None

    def _warn_duplicate_task_name(self, name: str, existing: str, new: str, consequence: str) -> None:
        """Celery keeps one of two tasks of the same name."""
        super()._warn_duplicate_task_name(name, existing, new, consequence)
        if "not registered" in consequence:
            self._note(name, new.rpartition(".")[0], _l("%(existing)s has the same name.", existing=existing))

    def _note(self, task_name: str, module: str, reason: Any) -> None:
        logger.warning("the task %s of %s is not taken over: %s", task_name, module, reason)
        self.not_taken_over.append(NotTakenOver(task_name, module, reason))


def adopted(base: type[Task], kind: type[Task], **attributes: Any) -> type[Task]:
    """The class mixed with `base`; itself where it derives from ours anyway.

    What the class defines under a name that only we give tasks, such as `progress`, stays its own.
    """
    if issubclass(kind, CeleriacTask):
        return kind
    theirs = kind.__mro__[: kind.__mro__.index(Task)]
    ours = [name for name in vars(CeleriacTask) if not name.startswith("_") and not hasattr(Task, name)]
    ours += CeleriacTask.__annotations__
    kept = {
        name: next(vars(base_class)[name] for base_class in theirs if name in vars(base_class))
        for name in ours
        if any(name in vars(base_class) for base_class in theirs)
    }
    return type(kind.__name__, (base, kind), _looks(kind) | {"__bound__": False} | kept | attributes)


def _with(kind: type[Task], attributes: dict[str, Any]) -> type[Task]:
    return type(kind.__name__, (kind,), _looks(kind) | attributes)


def _looks(kind: type[Task]) -> dict[str, Any]:
    """What a class made of another shows of itself."""
    return {"__module__": kind.__module__, "__qualname__": kind.__qualname__, "__doc__": kind.__doc__}


@contextmanager
def staying_current(app: CeleriacApp) -> Iterator[None]:
    """What is imported inside may make Celery objects; `current_app` and `@shared_task` stay with this one.

    A Celery object makes itself the current one, and tasks called by `delay()` would go to its broker.
    """
    before = _state._tls.current_app
    try:
        yield
    finally:
        _state._set_current_app(before if isinstance(before, CeleriacApp) else None)
        app.set_default()


def adopt_others(app: CeleriacApp) -> None:
    """Take over what other Celery objects of the process have for themselves (`shared=False`, classes).

    What they share with all is this app's already.
    """
    for other in sorted(_state._get_active_apps(), key=lambda app: str(app.main)):
        if isinstance(other, CeleriacApp):
            continue
        try:
            tasks = dict(other.tasks)
        except Exception as error:  # it may refuse to be finalized, or one of its own tasks may fail to bind
            reason = _l(
                "Its Celery object cannot be used: %(error)s", error=f"{type(error).__name__}: {error}"
            )
            app._note(f"{other.main or 'celery'}.*", str(other.main or ""), reason)
            continue
        known = {_origin(task) for task in app.tasks.values()}
        for name, task in sorted(tasks.items()):
            module = type(task).__module__
            if name.startswith(BUILT_IN_PREFIX) or _origin(task) in known or not _is_loaded(module):
                continue
            if name in app.tasks:
                first = type(app.tasks[name])
                existing = f"{first.__module__}.{first.__qualname__}"
                app._note(name, module, _l("%(existing)s has the same name.", existing=existing))
            else:
                app.adopt(task)


def _origin(task: Task) -> Any:
    """What the task was made from, the same for the same task of another app: a function, or a class."""
    function = getattr(task, "_decorated_fun", None)
    return function or (type(task).__module__, type(task).__qualname__)


def _is_loaded(module: str) -> bool:
    return module in sys.modules
