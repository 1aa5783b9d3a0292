"""The lists that have views: what each can be asked for, and which columns can be left out."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l

from app import audit, lists, queue_names, queues, runs, schedules
from app.errors import Invalid
from app.runs.failures.inbox import FailureFilter

QUEUE = "queue"  # the line of one queue is a list of its own: queue:mail


@dataclass(frozen=True)
class Listed:
    """A list: its filter, and the columns that may be left out, by name."""

    filter: type[lists.Filter]
    columns: Mapping[str, Any] = field(default_factory=dict)


LISTS: dict[str, Listed] = {
    "runs": Listed(
        runs.RunFilter,
        {
            "run": _l("Run"),
            "queue": _l("Queue"),
            "worker": _l("Worker"),
            "app": _l("App"),
            "when": _l("Requested"),
            "took": _l("Duration"),
            "from": _l("From"),
        },
    ),
    "schedules": Listed(
        schedules.ScheduleFilter,
        {
            "timing": _l("Timing"),
            "zone": _l("Time zone"),
            "next": _l("Next fire"),
            "last": _l("Last run"),
            "strip": _l("Last 20 runs"),
            "switch": _l("Enabled"),
        },
    ),
    "failures": Listed(FailureFilter),
    "queues": Listed(
        lists.Filter,
        {
            "held": _l("Held"),
            "trend": _l("Waiting in the last 30 min"),
            "oldest": _l("Oldest wait"),
            "rate": _l("In and out a minute"),
            "drain": _l("Drained in"),
            "workers": _l("Workers"),
        },
    ),
    QUEUE: Listed(
        queues.WaitingFilter,
        {
            "priority": _l("Priority"),
            "waited": _l("Waited"),
            "starts": _l("Starts"),
            "from": _l("From"),
        },
    ),
    "audit": Listed(audit.AuditFilter, {"who": _l("Who"), "what": _l("What"), "details": _l("Details")}),
}


def listed(name: str) -> Listed:
    """The list of a name; raises `Invalid`."""
    kind, colon, queue = name.partition(":")
    right = not queue_names.problem(queue) if kind == QUEUE else not colon
    if kind not in LISTS or not right:
        allowed = ", ".join(f"{list_name}:…" if list_name == QUEUE else list_name for list_name in LISTS)
        raise Invalid({"list": [_("Choose one of: %(choices)s.", choices=allowed)]})
    return LISTS[kind]


def check_columns(name: str, columns: list[str] | None) -> list[str] | None:
    """The columns in the list's own order; None for all. Raises `Invalid`."""
    known = listed(name).columns
    if columns is None or set(columns) == set(known):
        return None
    if strange := [column for column in columns if column not in known]:
        raise Invalid(
            {
                "columns": [
                    _(
                        "%(value)s is not allowed. Choose one of: %(all)s.",
                        value=strange[0][:80],
                        all=", ".join(known),
                    )
                ]
            }
        )
    return [column for column in known if column in columns]
