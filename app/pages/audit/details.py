"""What was changed, for reading: every field before and after, and what else is known of a change."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l

from app.alerts import kinds, rules
from app.audit.models import AuditEntry
from app.pages.runs import bulk
from app.pages.schedules.history import Difference, differences, value_words
from app.web.words import arguments, one_line, size

_ARGUMENTS = ("args", "kwargs")
_WORDS: dict[str, Any] = {
    "queue": _l("Queue"),
    "queues": _l("Queues"),
    "priority": _l("Priority"),
    "position": _l("Position"),
    "to": _l("To"),
    "note": _l("Note"),
    "reason": _l("Reason"),
    "role": _l("Role"),
    "size": _l("Slots"),
    "rate_limit": _l("Rate limit"),
    "time_limit": _l("Time limit"),
    "soft_time_limit": _l("Soft time limit"),
    "rerun_of": _l("Retry of"),
    "run_id": _l("Run"),
    "arguments": _l("Arguments"),
    "arguments_bytes": _l("Arguments"),
    "outcome": _l("Outcome"),
    "removed": _l("Removed"),
    "released": _l("Released"),
    "restored": _l("Restored"),
    "deleted": _l("Deleted"),
    "runs": _l("Runs"),
    "wanted": _l("Asked for"),
    "running": _l("Running"),
    "states": _l("States"),
    "state": _l("State"),
    "before": _l("Before"),
    "until": _l("Until"),
    "user": _l("User"),
    "app": _l("App"),
    "changed": _l("Changed"),
    "link": _l("Sign-in link"),
    "address": _l("Address"),
    "new_name": _l("Name"),
    "rule_kind": _l("Condition"),
    "channel_kind": _l("Kind"),
    "broker": _l("Broker"),
    "server": _l("Server"),
    "limits": _l("Limits"),
    "bytes": _l("Size"),
    "replace": _l("Replaced"),
    "terminate": _l("Terminated"),
    "revoked": _l("Revoked"),
    "session": _l("Session"),
    "sessions": _l("Sessions"),
    "second_step": _l("Two-step sign-in"),
    "way": _l("By way of"),
    "why": _l("Why"),
    "owner": _l("Owner"),
    "for_good": _l("for good"),
    "list": _l("List"),
    "filters": _l("Filters"),
    "chosen": _l("Chosen"),
    "error": _l("Error"),
    "text": _l("Text"),
    "worker": _l("Worker"),
    "requested_by": _l("Requested by"),
}
_PAIRS = ("wanted", "filters", "limits")  # hold values by name
# A change that was noted as its value before and after; by action the name of the value.
_BEFORE_AND = {
    "user.role": ("role", "after"),
    "worker.pool": ("size", "size"),
    "queue.priority": ("priority",) * 2,
}


@dataclass(frozen=True)
class Details:
    """What one change changed, and what else is known of it: pairs of a word and a text."""

    differences: list[Difference] = field(default_factory=list)
    facts: list[tuple[Any, str]] = field(default_factory=list)


def of(entry: AuditEntry) -> Details:
    """The details of an entry in words."""
    rest = dict(entry.details or {})
    changed: list[Difference] = []
    if isinstance(diff := rest.pop("diff", None), Mapping):
        of_schedule = entry.object_kind == "schedule"
        changed = (
            differences(diff) if of_schedule else [_difference(name, *pair) for name, pair in diff.items()]
        )
    if entry.action in _BEFORE_AND and "before" in rest:
        name, after = _BEFORE_AND[entry.action]
        changed.append(_difference(name, rest.pop("before"), rest.pop(after, None)))
    if entry.action == "queue.send" and "queue" in rest:
        changed.append(_difference("queue", rest.pop("queue"), rest.pop("to", None)))
    if entry.action == "worker.queues":
        changed.append(_difference("queues", rest.pop("drop", None), rest.pop("add", None)))
    if any(name in rest for name in _ARGUMENTS):
        args, kwargs = (rest.pop(name, None) for name in _ARGUMENTS)
        rest["arguments"] = arguments(args, kwargs)
    return Details(changed, [(_word(name), _value(name, value)) for name, value in rest.items()])


def _difference(name: str, before: Any, after: Any) -> Difference:
    return Difference(name, _word(name), _value(name, before), _value(name, after))


def _word(name: str) -> Any:
    return _WORDS.get(name) or rules.FIELDS.get(name, name)


def _value(name: str, value: Any) -> str:
    if name in _PAIRS and isinstance(value, Mapping):
        return _(", ").join(f"{_word(one)} {_value(one, its)}" for one, its in value.items())
    if name == "outcome" and value in bulk.DETAIL_WORDS:
        return str(bulk.DETAIL_WORDS[value])
    if name == "rule_kind" and value in kinds.KINDS:
        return str(kinds.KINDS[value].label)
    if name in ("arguments_bytes", "bytes") and isinstance(value, int):
        return size(value)
    if name in ("time_limit", "soft_time_limit"):
        return value_words("time_limit_seconds", value)
    if isinstance(value, list) and all(isinstance(item, str) for item in value):
        return ", ".join(value)
    if isinstance(value, bool):
        return value_words("enabled", value)
    if isinstance(value, dict | list):
        return one_line(value)
    return value_words(name, value)
