"""Tasks by name: our own, and those that workers of other apps published."""

from celery import Celery
from flask_babel import gettext as _

from app.catalog.info import BUILT_IN_PREFIX, TaskInfo
from app.catalog.own import own, own_listing
from app.catalog.published import published
from app.errors import NotFound
from app.extensions import celery_app


def listing() -> list[TaskInfo]:
    """Every task but Celery's own, by name: ours, then those of other apps."""
    theirs = published().tasks.values()
    shown = [info for info in theirs if not info.name.startswith(BUILT_IN_PREFIX)]
    return [*own_listing(), *sorted(shown, key=lambda info: (info.app or "", info.name))]


def find(name: str, among: Celery = celery_app, app: str | None = None) -> TaskInfo:
    """The task of that name of an `app`, or of any: ours goes first. Raises `NotFound`.

    Without a current Flask app, say `among` which app's tasks.
    """
    found = lookup(name, among, app)
    if found is None:
        raise NotFound(_("There is no task named %(name)s.", name=name))
    return found


def lookup(name: str, among: Celery = celery_app, app: str | None = None) -> TaskInfo | None:
    """The same, or None: history holds runs of tasks that are no longer known."""
    if app is not None:
        return published().tasks.get((app, name))
    if (ours := own(name, among)) or among is not celery_app:
        return ours
    return next(iter(published().by_name.get(name, ())), None)


def namesakes(name: str) -> list[str]:
    """The other apps that have a task of that name."""
    return [info.app or "" for info in published().by_name.get(name, ())]
