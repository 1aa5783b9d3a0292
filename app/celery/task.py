"""The base task: its body runs in an app context, with typed arguments, and can report progress."""

import time
from collections.abc import Callable
from typing import Any, ClassVar

from celery import Task
from celery.exceptions import Ignore
from flask import Flask

from app.celery import signals

PROGRESS_EVERY_SECONDS = 0.2


class CeleriacTask(Task):  # type: ignore[misc]  # Celery ships no types
    """Base of every task of the project; `make_celery` sets what is declared here on a subclass."""

    abstract = True
    flask_app: ClassVar[Flask]
    coerce: ClassVar[Callable[[Task, Any, Any], tuple[Any, Any]]]
    priority_of: ClassVar[Callable[[str], int | None]]
    on_rabbitmq: ClassVar[bool]

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Run the task's body; arguments arrive as JSON and leave as the annotated types.

        A run that was cancelled after a worker took it, but before it started, does not run.
        """
        if getattr(self.request, "celeriac_cancelled", False):
            raise Ignore
        with self.flask_app.app_context():
            args, kwargs = type(self).coerce(self, args, kwargs)
            return self.run(*args, **kwargs)

    @classmethod
    def on_bound(cls, app: Any) -> None:
        """A task that names no priority takes the one of its queue."""
        given = cls.priority_of(cls.name) if cls.priority == app.conf.task_default_priority else None
        if given is not None:
            cls.priority = given

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
            signals.record_progress(self, state, meta)
