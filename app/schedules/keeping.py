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
from app.schedules.definition import ARGUMENTS, Definition
from app.schedules.validation import field_of


def person(by: str | None) -> str | None:
    """Who is remembered as having entered secrets; None for the command line, whose names are others."""
    return None if origin.current().via == origin.CLI else by


def unchanged(old: Definition, new: Definition) -> bool:
    """Whether task and arguments are what they were, to the last bit."""
    return all(_same(getattr(old, name), getattr(new, name)) for name in ARGUMENTS)


def not_entered(
    old: Definition,
    wanted: Mapping[str, Any],
    new: Definition,
    by: str | None,
    entered_by: str | None,
) -> dict[str, list[str]]:
    """Messages by parameter where a secret that somebody else entered would come into other company.

    `wanted` is what was sent, `new` the same with the stored secrets in their places.
    """
    if unchanged(old, new) or (by is not None and person(by) == entered_by):
        return {}
    kept = _kept(catalog.lookup(old.task_name), old, wanted)
    message = _("Enter this secret again: the task or other arguments change, and somebody else entered it.")
    return {field_of(name): [message] for name in kept}


def _kept(info: catalog.TaskInfo | None, old: Definition, wanted: Mapping[str, Any]) -> list[str]:
    """The parameters whose stored secrets are not among what was sent."""
    if "args" in wanted:
        places = info.places(len(wanted["args"])) if info else [""] * len(wanted["args"])
        masked = enumerate(zip(places, wanted["args"], strict=True))
        names = [name or f"args[{index}]" for index, (name, one) in masked if catalog.is_masked(one)]
    else:
        names = catalog.mask(info, old.args, {})[2]
    if "kwargs" in wanted:
        return names + [name for name, one in wanted["kwargs"].items() if catalog.is_masked(one)]
    return names + catalog.mask(info, [], old.kwargs)[2]


def _same(one: Any, other: Any) -> bool:
    """1, 1.0 and true are equal, but not the same; the order of keys says nothing."""
    return repr(one) == repr(other) or _text(one) == _text(other)  # the first is quick, and mostly enough


def _text(value: Any) -> str:
    return json.dumps(value, sort_keys=True)
