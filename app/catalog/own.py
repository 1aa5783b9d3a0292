"""Our own tasks: those whose code this process has loaded."""

from weakref import WeakKeyDictionary

from celery import Celery, Task

from app.catalog.facts import in_code
from app.catalog.info import BUILT_IN_PREFIX, TaskInfo
from app.extensions import celery_app

_cache: WeakKeyDictionary[Task, TaskInfo] = WeakKeyDictionary()


def own_listing() -> list[TaskInfo]:
    """Every task of our own but Celery's, by name."""
    names = sorted(name for name in celery_app.tasks if not name.startswith(BUILT_IN_PREFIX))
    return [_info(celery_app, celery_app.tasks[name]) for name in names]


def own(name: str, among: Celery = celery_app) -> TaskInfo | None:
    """Our own task of that name. Without a current Flask app, say among which app's tasks."""
    task = None if name.startswith(BUILT_IN_PREFIX) else among.tasks.get(name)
    return None if task is None else _info(among, task)


def _info(among: Celery, task: Task) -> TaskInfo:
    try:
        return _cache[task]
    except KeyError:
        return _cache.setdefault(task, in_code(among, task))
