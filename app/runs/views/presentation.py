"""What the Runs pages make of the domain: state chips, filters from the address, named arguments; pure."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from flask_babel import format_decimal
from flask_babel import gettext as _

from app.runs import states
from app.runs.models import Run
from app.runs.queries import COUNT_CAP, Filter
from app.web.states import look

# A chip's key in the address stands for one or more states; any state's own name works there too.
GROUPS: dict[str, tuple[str, ...]] = {
    "running": states.RUNNING,
    "waiting": (states.PENDING,),
    "scheduled": (states.SCHEDULED,),
    "received": (states.RECEIVED,),
    "retrying": (states.RETRY,),
    "succeeded": (states.SUCCESS,),
    "failed": states.FAILED,
    "rejected": (states.REJECTED,),
    "cancelled": (states.REVOKED,),
    "expired": (states.EXPIRED,),
    "held": (states.HELD,),
    "missed": (states.MISSED,),
    "skipped": (states.SKIPPED,),
    "ignored": (states.IGNORED,),
}
ALWAYS_SHOWN = ("running", "waiting", "succeeded", "failed")
FILTERS = ("state", "task_name", "queue", "worker", "requested_by", "q")
_LENGTH = 300


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
class Wanted:
    """What the address asks for: the fields as they stand there, and the filter they mean."""

    query: dict[str, str] = field(default_factory=dict)
    filter: Filter = field(default_factory=Filter)

    @property
    def narrowed(self) -> bool:
        """Whether anything but a state is asked for."""
        return any(name != "state" for name in self.query)


def wanted(arguments: Mapping[str, str]) -> Wanted:
    """The filter that an address asks for; empty fields and unknown states ask for nothing."""
    query = {name: arguments[name].strip()[:_LENGTH] for name in FILTERS if arguments.get(name, "").strip()}
    asked = query.get("state", "")
    chosen = GROUPS.get(asked.lower()) or ((asked.upper(),) if asked.upper() in states.ALL else ())
    if not chosen:
        query.pop("state", None)
    fields: dict[str, Any] = {name: query.get(name) for name in FILTERS if name != "state"}
    return Wanted(query, Filter(state=chosen, **fields))


def chips(counts: Mapping[str, int], shown: Wanted) -> list[Chip]:
    """The chip of all runs, then those of the groups that have runs or always stand there."""
    others = {name: value for name, value in shown.query.items() if name != "state"}
    row = [Chip(_("All"), capped(counts, states.ALL), others, not shown.filter.state)]
    for key, members in GROUPS.items():
        current = tuple(shown.filter.state) == members
        if current or key in ALWAYS_SHOWN or any(counts.get(state) for state in members):
            face = look(members[0])
            row.append(
                Chip(
                    face.word, capped(counts, members), others | {"state": key}, current, face.kind, face.css
                )
            )
    return row


def capped(counts: Mapping[str, int], members: tuple[str, ...]) -> str:
    """The sum of some states' counts; "10,000+" as soon as one of them was not counted to its end."""
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
