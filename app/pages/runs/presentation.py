"""What the Runs pages make of the domain: state chips, filters in words, named arguments; pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from flask_babel import format_decimal
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l

from app.catalog import NO_VALUE, TaskInfo
from app.pages.runs.filters import GROUPS, LABELS, QUICK_WORDS, Wanted
from app.runs import states
from app.runs.models import Run
from app.runs.queries import COUNT_CAP

_IN_LAST = {
    "1h": _l("%(n)s in the last hour"),
    "24h": _l("%(n)s in the last 24 hours"),
    "7d": _l("%(n)s in the last 7 days"),
    "30d": _l("%(n)s in the last 30 days"),
}
ALWAYS_SHOWN = ("running", "waiting", "succeeded", "failed")


@dataclass(frozen=True)
class Chip:
    """A link that shows the runs of one group of states, with their number."""

    word: Any
    count: str
    query: dict[str, str]
    current: bool
    icon: str = ""
    css: str = ""


@dataclass(frozen=True)
class Tag:
    """A filter that is in force, in words, and the address's fields without it."""

    label: Any
    value: Any
    query: dict[str, str]
    error: str = ""


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


def chips(counts: Mapping[str, int] | None, shown: Wanted) -> list[Chip]:
    """The chip of all runs, then those of the groups that have runs or always stand there.

    They have no numbers when nobody counted (see `runs.counts`).
    """
    others = {name: value for name, value in shown.query.items() if name != "state"}
    row = [Chip(_("All"), capped(counts, states.ALL), others, not shown.filter.state)]
    for key, members in GROUPS.items():
        current = tuple(shown.filter.state) == members
        if current or key in ALWAYS_SHOWN or any((counts or {}).get(state) for state in members):
            face = states.of(members[0])
            row.append(
                Chip(
                    face.word, capped(counts, members), others | {"state": key}, current, face.kind, face.css
                )
            )
    return row


def tags(shown: Wanted, schedule_name: str | None) -> list[Tag]:
    """The filters in force but state and time range, which stand there anyway; each can be taken away."""
    found = []
    for name, value in shown.query.items():
        if name in ("state", "last") and name not in shown.errors:
            continue
        rest = {other: text for other, text in shown.query.items() if other != name}
        found.append(Tag(LABELS[name], _said(name, value, schedule_name), rest, shown.errors.get(name, "")))
    return found


def _said(name: str, value: str, schedule_name: str | None) -> Any:
    if name == "last":
        return QUICK_WORDS.get(value, value)
    if name in ("min_seconds", "max_seconds"):
        return _("%(n)s s", n=value)
    if name in ("since", "until"):
        return value.replace("T", " ")
    return schedule_name if name == "schedule_id" and schedule_name else value


def number_of(counts: Mapping[str, int] | None, shown: Wanted) -> str:
    """How many runs the list's filter lets through; empty when nobody counted."""
    return capped(counts, tuple(shown.filter.state) or states.ALL)


def heading(number: str, shown: Wanted) -> str:
    """The number beside the page's title: only of a time, as all of a history means little."""
    if not number or not (shown.filter.since or shown.filter.until):
        return ""
    alone = not {"since", "until"} & shown.query.keys()
    words = _IN_LAST.get(shown.query.get("last", "")) if alone else None
    return str(words) % {"n": number} if words else _("%(n)s in the time chosen", n=number)


def capped(counts: Mapping[str, int] | None, members: tuple[str, ...]) -> str:
    """The sum of some states' counts; "10,000+" as soon as one of them was not counted to its end."""
    if counts is None:
        return ""
    numbers = [counts.get(state, 0) for state in members]
    if any(number > COUNT_CAP for number in numbers):
        return f"{format_decimal(sum(min(number, COUNT_CAP) for number in numbers))}+"
    return str(format_decimal(sum(numbers)))


def named_arguments(run: Run, places: list[str]) -> list[tuple[str, Any]]:
    """The arguments by name, for reading: `places` are the names of the positional ones, as far as known."""
    pairs = []
    for index, value in enumerate(run.args or []):
        name = places[index] if index < len(places) else ""
        pairs.append((name or _("%(n)s.", n=index + 1), value))
    return pairs + list((run.kwargs or {}).items())


def defaults_used(run: Run, info: TaskInfo | None) -> list[tuple[str, Any]]:
    """The parameters that the run was not given, with the task's present defaults; not what says nothing."""
    if info is None or run.args is None:
        return []
    given = {*info.places(len(run.args)), *(run.kwargs or {})}
    return [
        (one.name, one.default_json)
        for one in info.parameters
        if one.name not in given
        and not (one.secret or one.secret_keys)
        and one.default_json not in (NO_VALUE, None)
    ]
