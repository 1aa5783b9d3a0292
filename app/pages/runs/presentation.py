"""What the Runs pages make of the domain: state chips, filters in words, named arguments; pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l

from app import lists
from app.catalog import NO_VALUE, TaskInfo
from app.lists import Chip, ListQuery, Tag
from app.lists.fields import SPAN_WORDS
from app.runs import RunFilter, states
from app.runs.filters import GROUPS
from app.runs.models import Run

_IN_LAST = {
    "1h": _l("%(n)s in the last hour"),
    "24h": _l("%(n)s in the last 24 hours"),
    "7d": _l("%(n)s in the last 7 days"),
    "30d": _l("%(n)s in the last 30 days"),
}
ALWAYS_SHOWN = ("running", "waiting", "retrying", "succeeded", "failed")


@dataclass(frozen=True)
class Raised:
    """What an attempt raised, and when; `attempt` counts from 0."""

    traceback: str
    error: str
    state: str
    attempt: int
    ended_at: datetime | None


def raised(run: Run) -> Raised | None:
    """What the run raised; while it is tried again, what its last attempt did."""
    if run.traceback:
        return Raised(run.traceback, run.error or "", run.state, run.attempt, run.ended_at)
    last = (run.attempts or [{}])[-1]
    if run.state == states.SUCCESS or not last.get("traceback"):
        return None
    ended_at = datetime.fromisoformat(last["ended_at"]) if last["ended_at"] else None
    return Raised(last["traceback"], last["error"] or "", states.FAILURE, last["attempt"], ended_at)


def chips(counts: Mapping[str, int] | None, query: ListQuery[RunFilter]) -> list[Chip]:
    """The chip of all runs, those of the groups that always stand there, then of those that have runs.

    So what comes and goes pushes nothing.
    They have no numbers when nobody counted (see `runs.counts`).
    """
    state = set(query.filter.state)
    current = next((key for key, members in GROUPS.items() if state == set(members)), "" if state else None)
    groups = []
    for key in dict.fromkeys([*ALWAYS_SHOWN, *GROUPS]):
        members = GROUPS[key]
        if key == current or key in ALWAYS_SHOWN or any((counts or {}).get(state) for state in members):
            face = states.of(members[0])
            groups.append((key, face.word, number_of(counts, members), face.kind))
    return lists.chips(query, "state", groups, current, number_of(counts, ()))


def tags(query: ListQuery[RunFilter], schedule_name: str | None) -> list[Tag]:
    """The filters in force but the time range, which stands there anyway, and a state that has a chip."""

    def words(name: str, value: str) -> Any:
        if name == "last":
            return SPAN_WORDS.get(value, value)
        if name in ("min_seconds", "max_seconds"):
            return _("%(n)s s", n=value)
        if name in ("since", "until"):
            return value.replace("T", " ")
        return schedule_name if name == "schedule_id" and schedule_name else value

    several = isinstance(query.texts.get("state"), list)
    return lists.tags(query, ("last",) if several else ("last", "state"), words)


def number_of(counts: Mapping[str, int] | None, members: Sequence[str]) -> str:
    """How many runs are in some states, or in any for none; empty when nobody counted."""
    return "" if counts is None else lists.capped(*(counts.get(state, 0) for state in members or states.ALL))


def heading(number: str, query: ListQuery[RunFilter]) -> str:
    """The number beside the page's title: only of a time, as all of a history means little."""
    if not number or not (query.filter.since or query.filter.until):
        return ""
    alone = not {"since", "until"} & query.texts.keys()
    words = _IN_LAST.get(query.texts.get("last", "")) if alone else None
    return str(words) % {"n": number} if words else _("%(n)s in the time chosen", n=number)


def named_arguments(run: Run, names: list[str]) -> list[tuple[str, Any]]:
    """The arguments by name, for reading: `names` are those of the positional ones, as far as known."""
    pairs = []
    for index, value in enumerate(run.args or []):
        name = names[index] if index < len(names) else ""
        pairs.append((name or _("%(n)s.", n=index + 1), value))
    return pairs + list((run.kwargs or {}).items())


def defaults_used(run: Run, info: TaskInfo | None) -> list[tuple[str, Any]]:
    """The parameters that the run was not given, with the task's present defaults; not what says nothing."""
    if info is None or run.args is None:
        return []
    named = {*info.places(len(run.args)), *(run.kwargs or {})}
    return [
        (parameter.name, parameter.default_json)
        for parameter in info.parameters
        if parameter.name not in named
        and not (parameter.secret or parameter.secret_keys)
        and parameter.default_json not in (NO_VALUE, None)
    ]
