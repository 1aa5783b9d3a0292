"""The base task: its body runs in an app context, with typed arguments, and can report progress."""

import time
from collections.abc import Callable
from functools import wraps
from inspect import getattr_static, isfunction
from typing import Any, ClassVar

from celery import Task
from celery.exceptions import Ignore
from flask import Flask, current_app

from celeriac_agent import recording

PROGRESS_EVERY_SECONDS = 0.2
HOOKS = ("before_start", "on_success", "on_failure", "on_retry", "after_return")


class CeleriacTask(Task):  # type: ignore[misc]  # Celery ships no types
    """Base of every task of the project; `make_celery` sets what is declared here on a subclass."""

    abstract = True
    flask_app: ClassVar[Flask]
    coerce: ClassVar[Callable[[Task, Any, Any], tuple[Any, Any]]]
    priority_of: ClassVar[Callable[[str], int]]
    _has_own_call: ClassVar[bool] = False

    def __init_subclass__(cls, **options: Any) -> None:
        """A task's own hooks have the Flask app's context as its body has; its own `__call__` is kept."""
        super().__init_subclass__(**options)
        rest = cls.__mro__[cls.__mro__.index(CeleriacTask) + 1 :]
        cls._has_own_call = any("__call__" in vars(base) for base in rest[: rest.index(Task)])
        for name in HOOKS:
            hook = getattr_static(cls, name)
            if isfunction(hook) and hook is not vars(Task)[name] and not hasattr(hook, "celeriac_hook"):
                setattr(cls, name, _in_context(hook))

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Run the task's body; arguments arrive as JSON and leave as the annotated types.

        A run that was cancelled after a worker took it, but before it started, does not run.
        """
        if getattr(self.request, "celeriac_cancelled", False):
            raise Ignore
        base = self.app.Task  # a task's own class may have attributes of the same names
        with base.flask_app.app_context():
            args, kwargs = base.coerce(self, args, kwargs)
            return super().__call__(*args, **kwargs) if self._has_own_call else self.run(*args, **kwargs)

    @classmethod
    def on_bound(cls, app: Any) -> None:
        """A task that names no priority takes the one of its queue."""
        super().on_bound(app)
        if cls.priority is None:
            cls.priority = app.Task.priority_of(cls.name)

    def progress(self, current: float, total: float | None = None, message: str = "") -> None:
        """Report progress: `current` of `total` (None: unknown), with a few words.

        Cheap to call in a tight loop: reports closer together than 0.2 s are left out, the last one
        (`current` reaching `total`) never.
        """
        now = time.monotonic()
        done = total is not None and current >= total
        if not done and now - getattr(self.request, "celeriac_progress_at", 0.0) < PROGRESS_EVERY_SECONDS:
            return
        self.request.celeriac_progress_at = now
        self.update_state(state="PROGRESS", meta={"current": current, "total": total, "message": message})

    def update_state(
        self, task_id: str | None = None, state: str | None = None, meta: Any = None, **kwargs: Any
    ) -> None:
        """Celery's `update_state`; a custom state of the running task counts as progress in the history."""
        super().update_state(task_id=task_id, state=state, meta=meta, **kwargs)
        if state is not None and (task_id is None or task_id == self.request.id):
            recording.record_progress(self, state, meta)


def _in_context(hook: Callable[..., Any]) -> Callable[..., Any]:
    """The hook, run in the context of the task's Flask app; one that is there already is used."""

    @wraps(hook)
    def wrapper(self: CeleriacTask, *args: Any, **kwargs: Any) -> Any:
        flask_app = self.app.Task.flask_app
        if current_app and current_app.extensions is flask_app.extensions:
            return hook(self, *args, **kwargs)
        with flask_app.app_context():
            return hook(self, *args, **kwargs)

    wrapper.celeriac_hook = True  # type: ignore[attr-defined]
    return wrapper
