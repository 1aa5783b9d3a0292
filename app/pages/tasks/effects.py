"""What a run of a task would do now, told beside its form before it is sent."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

from flask_babel import ngettext

from app import catalog, runs
from celeriac_agent.settings import OWN_APP

CLEAN_UP = (OWN_APP, "maintenance.clean_history")


def _clean_up(now: datetime, **limits: Any) -> str:
    number = runs.count_old(runs.rule_of(now, **limits))
    return str(ngettext("%(num)s run would go", "%(num)s runs would go", number))


_EFFECTS: dict[tuple[str, str], Callable[..., str]] = {CLEAN_UP: _clean_up}


def has_effect(info: catalog.TaskInfo) -> bool:
    """Whether it can be said of the task at all."""
    return info.key in _EFFECTS


def effect(info: catalog.TaskInfo, arguments: catalog.Arguments, now: datetime) -> str:
    """The sentence for these checked arguments; empty for tasks of which nothing can be said."""
    if not has_effect(info):
        return ""
    return _EFFECTS[info.key](now, **catalog.by_name(info.parameters, arguments.args, arguments.kwargs))
