"""Tasks by name, as workers published them: our own first, then those of other apps."""

from flask_babel import gettext as _

from app.catalog.info import BUILT_IN_PREFIX, TaskInfo
from app.catalog.published import published
from app.errors import Invalid, NotFound
from celeriac_agent.settings import OWN_APP


def listing() -> list[TaskInfo]:
    """Every task but Celery's own, by name: ours, then those of other apps."""
    catalog = published()
    ours = sorted(catalog.own.values(), key=lambda info: info.name)
    shown = [info for info in catalog.tasks.values() if not info.name.startswith(BUILT_IN_PREFIX)]
    return [*ours, *sorted(shown, key=lambda info: (info.app or "", info.name))]


def names() -> list[str]:
    """The names of these, each once."""
    return list(dict.fromkeys(info.name for info in listing()))


def find(name: str, app: str | None = None) -> TaskInfo:
    """The task of that name of an `app`, or of any: ours goes first. Raises `NotFound`."""
    info = lookup(name, app)
    if info is None:
        raise NotFound(_("There is no task named %(name)s.", name=name))
    return info


def lookup(name: str, app: str | None = None) -> TaskInfo | None:
    """The same, or None: history holds runs of tasks that are no longer known."""
    catalog = published()
    if app not in (None, OWN_APP):
        return catalog.tasks.get((app or "", name))
    if app == OWN_APP or name in catalog.own:
        return catalog.own.get(name)
    return next(iter(catalog.by_name.get(name, ())), None)


def meant(name: str, app: str | None) -> TaskInfo:
    """The task that somebody names, with its app or without one, as `whose` understands that.

    Raises `NotFound` where nobody has one of that name, and `Invalid` (field `app`) where others have.
    """
    info = lookup(name, whose(name, app) or OWN_APP)
    if info is not None:
        return info
    if not (names := apps_with(name)):
        raise NotFound(_("There is no task named %(name)s.", name=name))
    words = _("Say whose task it is. Apps with one of this name: %(names)s.", names=", ".join(names))
    raise Invalid({"app": [words]})


def whose(name: str, app: str | None) -> str | None:
    """The `app` that was said; without one the only other app with such a task, where we have none.

    None for ours, and where that is not sure: `meant` then asks.
    """
    names = apps_with(name)
    said = app or (names[0] if len(names) == 1 else OWN_APP)
    return None if said == OWN_APP else said


def apps_with(name: str) -> list[str]:
    """The apps that have a task of that name, ours first."""
    return [*([OWN_APP] if name in published().own else []), *namesakes(name)]


def app_named(app: str, name: str) -> str | None:
    """Whose runs of a task are asked for, as an address says it: None for ours, if no other app has such."""
    return app if app != OWN_APP or namesakes(name) else None


def told() -> bool:
    """Whether a worker of ours ever told of its tasks."""
    return published().told


def version() -> str:
    """The same as long as our workers tell the same of their code; empty before one did."""
    return published().newest.get(OWN_APP, "")


def namesakes(name: str) -> list[str]:
    """The other apps that have a task of that name."""
    return [info.app or "" for info in published().by_name.get(name, ())]
