"""Which schedules are meant: the filter of their list, as a condition on the table."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from flask_babel import lazy_gettext as _l
from sqlalchemy import Select, and_, or_, select, true

from app import app_names, lists
from app.catalog.published import published
from app.lists.fields import Choice, Text, TrueOrFalse
from app.schedules import lateness
from app.schedules.definition import TASK_TYPES
from app.schedules.models import ORIGINS, Schedule

STATES = ("on", "off", "late", "failing")
ORDERS = ("name", "next")
_ORDER = "By name, or by next fire: first what fires next, last what does not. By default by name."


@dataclass(frozen=True)
class ScheduleFilter(lists.Filter):
    """Which schedules; what is left out lets all through. Late are those that are late at the moment `at`."""

    state: str | None = lists.of(Choice(STATES), _l("State"))
    task_name: str | None = lists.of(Text(), _l("Task"))
    app: str | None = lists.of(Text(metadata={"description": app_names.WHOSE_TASK}), _l("App"))
    task_type: str | None = lists.of(Choice(TASK_TYPES), _l("Timing"))
    queue: str | None = lists.of(Text(), _l("Queue"))
    timezone: str | None = lists.of(Text(), _l("Time zone"))
    enabled: bool | None = lists.of(TrueOrFalse(), _l("Enabled"))
    origin: str | None = lists.of(Choice(ORIGINS), _l("Defined in"))
    q: str | None = lists.of(Text(metadata={"description": "Words to find."}), _l("Text"))
    order: str | None = lists.of(Choice(ORDERS, metadata={"description": _ORDER}), _l("Order"))
    at: datetime | None = None


def matching(criteria: ScheduleFilter) -> Select[Schedule]:
    """The schedules that a filter lets through, in no order."""
    query = select(Schedule)
    for name in ("task_name", "task_type", "queue", "timezone", "origin"):
        if value := getattr(criteria, name):
            query = query.where(getattr(Schedule, name) == value)
    if criteria.app:
        query = query.where(app_names.is_of(Schedule.app, criteria.app))
    if criteria.enabled is not None:
        query = query.where(Schedule.enabled if criteria.enabled else ~Schedule.enabled)
    if criteria.state:
        query = query.where(_is_in(criteria.state, criteria.at))
    return query.where(_text_matches(criteria.q)) if criteria.q else query


def apps_known() -> list[str]:
    """The other apps that published tasks."""
    return sorted({app for app, _name in published().tasks})


def _is_in(state: str, at: datetime | None) -> Any:
    if state == "late":
        if at is None:
            raise ValueError("late at which moment?")
        return lateness.is_late(at)
    if state == "failing":
        return lateness.is_failing()
    return Schedule.enabled if state == "on" else ~Schedule.enabled


def _text_matches(text: str) -> Any:
    """Every word is somewhere in the name, the task or the note."""
    columns = (Schedule.name, Schedule.task_name, Schedule.note)
    words = text.split()[:10]
    return and_(
        true(), *(or_(*(column.icontains(word, autoescape=True) for column in columns)) for word in words)
    )
