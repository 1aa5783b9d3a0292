"""Asks a worker about a schedule's arguments where code of the task checks them, before rows are locked."""

from contextlib import AbstractContextManager
from datetime import datetime

from app.accounts import permits
from app.errors import Invalid
from app.runs import checks
from app.schedules import due_arguments
from app.schedules.decisions import kinds
from app.schedules.definition import Definition, task_of
from app.schedules.timing import zone
from app.schedules.validation import checked_arguments, field_of

MANY_SECONDS = 5.0  # for all schedules that are saved at once


def within_patience() -> AbstractContextManager[None]:
    """Have many schedules asked about, but not for long: the code looks at the rest when they fire."""
    return checks.within(MANY_SECONDS)


def require(definition: Definition, now: datetime) -> None:
    """Raise `Invalid` by field for what the code refuses; whatever else is wrong is not said here.

    Arguments that refer to the fire are looked at as if it were now.
    """
    info = task_of(definition)
    if info is None or not any(parameter.checks for parameter in info.parameters):
        return
    permits.require(info.name, info.app, definition.args, definition.kwargs)
    try:
        checked = checked_arguments(info, definition.args, definition.kwargs, definition.timezone, now)
        fire_zone = zone(definition.timezone)
        args, kwargs = due_arguments.resolve(checked.args, checked.kwargs, now, fire_zone, kinds(info))
    except (Invalid, ValueError, LookupError):
        return
    try:
        checks.require(info, args, kwargs, now)
    except Invalid as error:
        raise Invalid({field_of(name): messages for name, messages in error.errors.items()}) from None
