"""What is next for somebody who is new here, by their role: what they have done already is left out.

Whether it is done is read from what it leaves behind.
"""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Select, select

from app import catalog
from app.accounts.models import User
from app.config import settings
from app.extensions import db
from app.runs import Run
from app.schedules import Schedule
from app.schedules.models import PAGE
from app.web import roles

RUN, SCHEDULE, OWN_TASKS = "run", "schedule", "own-tasks"
PASSWORD, PREFERENCES, VIEW = "password", "preferences", "view"
STEPS = {
    roles.ADMIN: (RUN, SCHEDULE, OWN_TASKS),
    roles.OPERATOR: (RUN, SCHEDULE, PREFERENCES),
    roles.VIEWER: (PASSWORD, PREFERENCES, VIEW),
}
NEW_FOR = timedelta(days=30)


def first_steps(user: User, now: datetime, has_view: Callable[[User], bool]) -> list[str]:
    """The steps that are left, in their order; none for who put them away, or has been here for long.

    `has_view` says whether they have saved a view of a list.
    """
    if user.first_steps_hidden or now - user.created_at > NEW_FOR:
        return []
    done = _DONE | {VIEW: has_view}
    return [step for step in STEPS.get(user.acting_role, ()) if not done[step](user)]


def has_own_tasks() -> bool:
    """Whether there is a task that did not come along."""
    return any(info.origin != "library" for info in catalog.listing())


def _is_there(query: Select[Any]) -> bool:
    return db.session.scalar(query.limit(1)) is not None


_DONE: dict[str, Callable[[User], bool]] = {
    RUN: lambda user: _is_there(select(Run.id).where(Run.requested_by == user.name)),
    SCHEDULE: lambda _user: _is_there(select(Schedule.id).where(Schedule.origin == PAGE)),
    OWN_TASKS: lambda _user: has_own_tasks(),
    PREFERENCES: lambda user: bool(user.timezone or user.email or user.unconfirmed_email),
    PASSWORD: lambda user: bool(user.password_hash or user.identity or settings().proxy_user_header),
}
