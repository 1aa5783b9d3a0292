"""Which tasks who acts may run, wherever a run can come from: some need the role admin.

A task says so by its attribute `celeriac_role`. What beat, a worker or a recorder does by itself, and who
types a command on the machine, may run everything.
"""

from collections.abc import Mapping, Sequence
from itertools import product
from typing import Any

from flask_babel import gettext as _

from app import audit, catalog
from app.audit import origin
from app.errors import Forbidden
from app.web import roles


def may_run(task_name: str | None, app: str | None) -> bool:
    """Whether who acts may run an app's task of that name; without an app ours, or else that of any.

    One that is not known here says nothing against it.
    """
    info = catalog.lookup(task_name, app) if task_name else None
    if info is None or info.role != roles.ADMIN:
        return True  # to operate at all is asked at the door
    acting = role()
    return acting is None or roles.may(acting, roles.ADMINISTER)


def require(
    task_name: str | None,
    app: str | None,
    args: Sequence[Any] = (),
    kwargs: Mapping[str, Any] | None = None,
) -> None:
    """Raise `Forbidden` when who acts may not run the task, or one that its arguments would send."""
    if role() is None:
        return
    sent = _sent_by([*args, *(kwargs or {}).values()])
    for name, whose in ((task_name, app), *product(sent, {app, None})):  # it may send to ours, too
        if not may_run(name, whose):
            raise Forbidden(
                _("Nothing was changed. The task %(task)s needs the role admin.", task=str(name)[:255])
            )


def acting_as(name: str | None, role: str) -> audit.Origin:
    """Somebody of a role, for what is done in their name after their request has ended."""
    return audit.Origin(name or "", origin.SYSTEM, role=role)


def role() -> str | None:
    """The role in which somebody acts; None for the system and the command line."""
    return origin.current().role


def _sent_by(value: Any) -> set[str]:
    """The tasks that signatures (Celery's, as JSON) among the arguments name."""
    names, stack = set(), [value]
    while stack:
        item = stack.pop()
        if isinstance(item, Mapping):
            if isinstance(item.get("task"), str):
                names.add(item["task"])
            stack.extend(item.values())
        elif isinstance(item, list | tuple):
            stack.extend(item)
    return names
