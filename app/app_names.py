"""The names of Celery apps: Celeriac's own has one for people and in keys, and none in a run or schedule."""

from typing import Any

from sqlalchemy import ColumnElement

from celeriac_agent.settings import OWN_APP

WHOSE_TASK = f"The Celery app whose task it is; {OWN_APP} for Celeriac's own."


def is_of(column: Any, app: str) -> ColumnElement[bool]:
    """Whether a run or schedule, whose app stands in this column, is of the app of that name."""
    condition: ColumnElement[bool] = column == (None if app == OWN_APP else app)
    return condition
