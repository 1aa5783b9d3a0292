"""The change history as pages show it: who did what, and every field before and after."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from flask_babel import lazy_gettext as _l

from app.pages.schedules.form import MISSED_WORDS, OVERLAP_WORDS, TYPE_WORDS, Fields
from app.schedules.definition import MOMENTS
from app.schedules.models import ScheduleChange
from app.web.words import duration, full, one_line

SHOWN = 50
ACTIONS: dict[str, Any] = {
    "create": _l("Created it"),
    "update": _l("Changed it"),
    "enable": _l("Turned it on"),
    "disable": _l("Turned it off"),
    "delete": _l("Deleted it"),
    "undelete": _l("Brought it back"),
    "skip": _l("Skipped a fire"),
    "restore": _l("Restored a fire"),
    "reset": _l("Reset it to the code"),
    "sync": _l("Took over a change of the code"),
    "retire": _l("Retired it: gone from the code"),
    "return": _l("Took it up again: back in the code"),
    "import": _l("Imported it"),
    "take-over": _l("Took it over from another scheduler"),
}
_OWN_WORDS: dict[str, Any] = {
    "args": _l("Arguments by place"),
    "kwargs": _l("Arguments"),
    "anchor_at": _l("Counts from"),
    "skips": _l("Skipped fire"),
    "enabled": _l("Enabled"),
    "cron_schedule": _l("Cron expression"),
}
_MOMENTS = (*MOMENTS, "skips")
_CHOICES: dict[str, Mapping[Any, Any]] = {
    "task_type": TYPE_WORDS,
    "overlap": OVERLAP_WORDS,
    "on_missed": MISSED_WORDS,
    "enabled": {True: _l("yes"), False: _l("no")},
}


@dataclass(frozen=True)
class Difference:
    """One field, with its value before and after in words; empty where there was none."""

    field: str
    label: Any
    before: str
    after: str


@dataclass(frozen=True)
class ShownChange:
    """One change: `by` is empty for what beat or the code did."""

    at: datetime
    by: str
    action: Any
    note: str
    differences: list[Difference]


def shown(change: ScheduleChange) -> ShownChange:
    said = {"enabled"} if change.action in ("enable", "disable") else set()
    shown_diff = differences({name: pair for name, pair in change.diff.items() if name not in said})
    action = ACTIONS.get(change.action, change.action)
    return ShownChange(change.at, change.by or "", action, change.note or "", shown_diff)


def differences(diff: Mapping[str, Any]) -> list[Difference]:
    """Each field of a change in words, of the arguments each by its own name."""
    differing = []
    for name, (before, after) in diff.items():
        if name == "kwargs" and isinstance(before or {}, dict) and isinstance(after or {}, dict):
            differing += _arguments(before or {}, after or {})
        else:
            differing.append(
                Difference(name, field_word(name), value_words(name, before), value_words(name, after))
            )
    return [difference for difference in differing if difference.before != difference.after]


def _arguments(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[Difference]:
    """Each argument that is not in both, or not the same."""
    return [
        Difference(
            "kwargs", name, *(one_line(side[name]) if name in side else "" for side in (before, after))
        )
        for name in dict.fromkeys([*before, *after])
    ]


def field_word(name: str) -> Any:
    """What the form calls a field."""
    own = _OWN_WORDS.get(name)
    label = getattr(Fields, name, None)
    return own or (label.args[0] if label is not None else name)


def value_words(name: str, value: Any) -> str:
    """A value of a change for reading; times in the viewer's zone, empty for none."""
    if value in (None, ""):
        return ""
    try:
        if name in _MOMENTS:
            return full(datetime.fromisoformat(value))
        if name.endswith("_seconds"):
            return duration(value) if value else ""
        if name in _CHOICES:
            return str(_CHOICES[name][value])
    except (ValueError, TypeError, KeyError):
        return one_line(value)  # a history outlives the code that wrote it
    return value if isinstance(value, str) else one_line(value)
