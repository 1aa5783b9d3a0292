"""May this be saved: what must hold of a definition and its arguments, and what it would do."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from flask_babel import gettext as _

from app import catalog, queue_names
from app.errors import Invalid, NotFound
from app.runs import apps
from app.schedules import due_arguments, policies, stored_arguments, timing
from app.schedules.decisions import kinds
from app.schedules.definition import (
    ARGUMENTS,
    FIELDS,
    OWN_TIMING,
    POLICY_FIELDS,
    TASK_TYPES,
    TIMING_FIELDS,
    Definition,
    policies_of,
    timing_of,
)
from app.schedules.timing import Preview, Timing, zone
from celeriac_agent.settings import OWN_APP

NAME_LENGTH = 200
NOTE_LENGTH = 2000
_UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f\ud800-\udfff]")

_LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)

Errors = dict[str, list[str]]
NO_ERRORS: Errors = {}


def check(
    new: Definition,
    old: Definition | None,
    now: datetime,
    schedule_id: int | None = None,
    run_count: int = 0,
    known: Errors = NO_ERRORS,
    like: Definition | None = None,
) -> Definition:
    """The definition as it is saved, with its arguments in their one spelling.

    What did not change is not objected to: a schedule whose moment has passed can still be renamed. Raises
    `Invalid` by field, with what is `known` to be wrong: it comes first where a field has both. Nor is a new
    one objected to for what it has in common with another that was checked, `like`, but for its arguments.
    """
    values, before = vars(new), vars(old or like) if old or like else None
    changed = {name for name, value in values.items() if before is None or value != before[name]}
    name, note = new.name.strip(), new.note.strip()
    if (name, note) != (new.name, new.note):
        new = replace(new, name=name, note=note)
    errors = _text_errors(new, changed) | _range_errors(new, changed)
    errors |= _policy_errors(new, changed, run_count)
    errors |= _timing_errors(new, changed, now, schedule_id)
    if old is None or changed & set(ARGUMENTS):
        try:
            new = _with_checked_arguments(new, now, schedule_id, errors)
        except Invalid as invalid:
            errors |= invalid.errors
    if errors := errors | known:
        raise Invalid(errors)
    return new


def _text_errors(new: Definition, changed: set[str]) -> Errors:
    errors: Errors = {}
    if "name" in changed and (not 1 <= len(new.name) <= NAME_LENGTH or _UNPRINTABLE.search(new.name)):
        errors["name"] = [_("Give a name of 1 to %(n)s characters on one line.", n=NAME_LENGTH)]
    if "note" in changed and (
        len(new.note) > NOTE_LENGTH or _UNPRINTABLE.search(re.sub(r"[\t\r\n]", " ", new.note))
    ):
        errors["note"] = [_("A note has at most %(n)s characters.", n=NOTE_LENGTH)]
    return errors


def _range_errors(new: Definition, changed: set[str]) -> Errors:
    errors: Errors = {}
    if "queue" in changed and new.queue is not None and (wrong := queue_names.problem(new.queue)):
        errors["queue"] = [wrong]
    if "priority" in changed and new.priority is not None and not 0 <= new.priority <= 9:
        errors["priority"] = [_("Give a priority from 0 to 9; 9 is the most urgent.")]
    return errors


def _policy_errors(new: Definition, changed: set[str], run_count: int) -> Errors:
    errors = {}
    if not changed.isdisjoint(POLICY_FIELDS):
        policy_errors = policies.errors(policies_of(new))
        errors = {name: texts for name, texts in policy_errors.items() if name in changed}
    used_up = new.max_runs is not None and run_count >= new.max_runs
    if new.enabled and used_up and changed & {"max_runs", "enabled"}:
        errors.setdefault("max_runs", [_("It has run %(n)s times already.", n=run_count)])
    return errors


def _timing_errors(new: Definition, changed: set[str], now: datetime, schedule_id: int | None) -> Errors:
    if new.task_type not in TASK_TYPES:
        return {"task_type": [_("The type is one_time, interval or cron.")]}
    if errors := _foreign_timing(new):
        return errors
    timed = changed & {*TIMING_FIELDS}
    if not timed and not (new.enabled and "enabled" in changed):
        return {}  # what is broken can be renamed, and switched off
    # While it is disabled nothing of it needs to lie ahead: a finished one can be copied and imported.
    return timing.errors(timing_of(new, schedule_id), now if new.enabled else _LONG_AGO)


def _foreign_timing(new: Definition) -> Errors:
    """Fields that time another type; their meaning would be anybody's guess."""
    return {
        name: [_("This belongs to the type %(type)s, not to %(chosen)s.", type=owner, chosen=new.task_type)]
        for owner, names in OWN_TIMING.items()
        if owner != new.task_type
        for name in names
        if getattr(new, name) is not None
    }


def _with_checked_arguments(
    new: Definition, now: datetime, schedule_id: int | None, errors: Errors
) -> Definition:
    try:
        info = catalog.meant(new.task_name, new.app or OWN_APP)
    except NotFound as error:
        raise Invalid({"task_name": [error.detail]}) from None
    if not apps.reachable(info.app):
        words = _(
            "It is a task of the app %(name)s, whose broker CELERIAC_BROKERS does not name.", name=info.app
        )
        raise Invalid({"task_name": [words]})
    sample_at: datetime | None = None
    if not errors and due_arguments.has_markers(new.args, new.kwargs):
        sample_at = timing.first_fire(timing_of(new, schedule_id), now)
    zone = "UTC" if "timezone" in errors else new.timezone
    checked = checked_arguments(info, new.args, new.kwargs, zone, sample_at or now)
    return replace(new, args=checked.args, kwargs=checked.kwargs)


def with_app(new: Definition) -> Definition:
    """What somebody asks for, with the app as it is stored: None for ours, and where `check` is to ask."""
    return replace(new, app=catalog.whose(new.task_name, new.app))


def checked_arguments(
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
        old_items = old if isinstance(old, list) else []
        return [
            with_secrets(value, old_items[index] if index < len(old_items) else None)
            for index, value in enumerate(new)
        ]
    return new


def masked_arguments(
    info: catalog.TaskInfo | None, args: Sequence[Any], kwargs: Mapping[str, Any]
) -> tuple[list[Any], dict[str, Any]]:
    """The arguments as they may be shown."""
    return catalog.hide(info, args, kwargs)


def field_of(name: str) -> str:
    """The field of a schedule that a message about a parameter stands under."""
    return f"kwargs.{name}" if name in FIELDS and name not in ("args", "kwargs") else name


def preview(shape: Timing, now: datetime, count: int, start: datetime | None = None) -> Preview:
    """The next fires; raises `Invalid` by field for a timing that cannot be saved. Bounded in its time."""
    if shape.task_type == "interval" and shape.anchor_at is None:
        shape = replace(shape, anchor_at=now)
    if errors := timing.errors(shape, now):
        raise Invalid(errors)
    return timing.preview(shape, now, count, start)


def arguments_at(
    info: catalog.TaskInfo | None,
    args: Sequence[Any],
    kwargs: Mapping[str, Any],
    timezone: str,
    due_at: datetime,
) -> tuple[list[Any], dict[str, Any]]:
    """The arguments as they would be sent for the fire at a moment, secrets masked; raises `Invalid`."""
    resolved = due_arguments.resolve(args, kwargs, due_at, zone(timezone), kinds(info))
    return masked_arguments(info, *resolved)
