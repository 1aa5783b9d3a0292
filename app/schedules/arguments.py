"""The arguments of a schedule: checked against the task, secrets kept, shown masked."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from app import catalog
from app.errors import Invalid
from app.schedules import due_arguments, stored_arguments
from app.schedules.decisions import kinds
from app.schedules.definition import FIELDS
from app.schedules.timing import zone


def checked(
    info: catalog.TaskInfo, args: list[Any], kwargs: dict[str, Any], timezone: str, sample_at: datetime
) -> catalog.Arguments:
    """The arguments as they are stored; those that refer to the fire keep their markers.

    Raises `Invalid` by parameter; one named like a field of the schedule stands under `kwargs.NAME`.
    `sample_at` is a fire for which markers are resolved to see whether the task takes them.
    """
    if unreadable := stored_arguments.problems(args, kwargs):
        raise Invalid(unreadable)
    catalog.require_size(args, kwargs)
    try:
        due_arguments.check(args, kwargs)
        if not due_arguments.has_markers(args, kwargs):
            return catalog.validate(info, args, kwargs)
        catalog.validate(info, *due_arguments.resolve(args, kwargs, sample_at, zone(timezone), kinds(info)))
    except Invalid as error:
        raise Invalid({field_of(name): messages for name, messages in error.errors.items()}) from None
    return catalog.Arguments(args, kwargs)


def with_secrets(new: Any, old: Any) -> Any:
    """`new` with every masked value replaced by the one that stands in the same place of `old`.

    Readers get secrets masked; what they send back masked is unchanged.
    """
    if new == catalog.MASK:
        return old if isinstance(old, str | int | float) and not isinstance(old, bool) else new
    if isinstance(new, str):
        return old if isinstance(old, str) and catalog.mask_text(old) == new else new
    if isinstance(new, Mapping):
        known = old if isinstance(old, Mapping) else {}
        return {key: with_secrets(value, known.get(key)) for key, value in new.items()}
    if isinstance(new, list):
        places = old if isinstance(old, list) else []
        return [
            with_secrets(value, places[index] if index < len(places) else None)
            for index, value in enumerate(new)
        ]
    return new


def masked(
    info: catalog.TaskInfo | None, args: Sequence[Any], kwargs: Mapping[str, Any]
) -> tuple[list[Any], dict[str, Any]]:
    """The arguments as they may be shown."""
    return catalog.mask(info, args, kwargs)[:2]


def field_of(name: str) -> str:
    """The field of a schedule that a message about a parameter stands under."""
    return f"kwargs.{name}" if name in FIELDS and name not in ("args", "kwargs") else name
