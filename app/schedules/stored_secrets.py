"""Which stored secrets stay when a schedule changes: those whose company stays, and one's own.

Readers get secrets masked; what they send back masked means "as it is". That must not send somebody else's
secret to another task, or with other arguments: a URL may be anybody's server.
"""

import json
from collections.abc import Mapping
from typing import Any

from flask_babel import gettext as _

from app import catalog
from app.audit import origin
from app.schedules.definition import ARGUMENTS, Definition, task_of
from app.schedules.validation import field_of


def person(by: str | None) -> str | None:
    """Who is remembered as having entered secrets; None for the command line, whose names are others."""
    return None if origin.current().via == origin.CLI else by


def unchanged(old: Definition, new: Definition) -> bool:
    """Whether task and arguments are what they were, to the last bit."""
    return all(_same(getattr(old, name), getattr(new, name)) for name in ARGUMENTS)


def not_entered(
    old: Definition,
    changes: Mapping[str, Any],
    new: Definition,
    by: str | None,
    entered_by: str | None,
) -> dict[str, list[str]]:
    """Messages by parameter where a secret that somebody else entered would come into other company.

    `changes` is what was sent, `new` the same with the stored secrets in their places.
    """
    if unchanged(old, new) or (by is not None and person(by) == entered_by):
        return {}
    kept = _kept(task_of(old), old, changes)
    message = _("Enter this secret again: the task or other arguments change, and somebody else entered it.")
    return {field_of(name): [message] for name in kept}


def _kept(info: catalog.TaskInfo | None, old: Definition, changes: Mapping[str, Any]) -> list[str]:
    """The parameters whose stored secrets are not among what was sent."""
    if "args" in changes:
        labels = info.places(len(changes["args"])) if info else [""] * len(changes["args"])
        masked = enumerate(zip(labels, changes["args"], strict=True))
        names = [name or f"args[{index}]" for index, (name, value) in masked if catalog.is_masked(value)]
    else:
        names = catalog.mask(info, old.args, {})[2]
    if "kwargs" in changes:
        return names + [name for name, value in changes["kwargs"].items() if catalog.is_masked(value)]
    return names + catalog.mask(info, [], old.kwargs)[2]


def _same(value: Any, other: Any) -> bool:
    """1, 1.0 and true are equal, but not the same; the order of keys says nothing."""
    return repr(value) == repr(other) or _text(value) == _text(other)  # the first is quick, and mostly enough


def _text(value: Any) -> str:
    return json.dumps(value, sort_keys=True)
