"""What the address of the Runs page asks for: every filter stands in it, and a bad value spoils no other."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l

from app.runs import states
from app.runs.filters import Filter
from app.runs.text import storable

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
QUICK = {
    "1h": timedelta(hours=1),
    "24h": timedelta(hours=24),
    "7d": timedelta(days=7),
    "30d": timedelta(days=30),
}
QUICK_WORDS = {
    "1h": _l("Last hour"),
    "24h": _l("Last 24 hours"),
    "7d": _l("Last 7 days"),
    "30d": _l("Last 30 days"),
}
LABELS: dict[str, Any] = {
    "state": _l("State"),
    "task_name": _l("Task"),
    "queue": _l("Queue"),
    "worker": _l("Worker"),
    "schedule_id": _l("Schedule"),
    "requested_by": _l("Requested by"),
    "last": _l("Time"),
    "since": _l("From"),
    "until": _l("Until"),
    "min_seconds": _l("At least"),
    "max_seconds": _l("At most"),
    "error": _l("Error"),
    "q": _l("Text"),
}
_LENGTH = 300
_SECONDS_MAX = 10.0**9
_ID_MAX = 2**31 - 1


@dataclass(frozen=True)
class Wanted:
    """What the address asks for: its fields as they stand there, the filter they mean, what is wrong.

    A field with an error stays in `query`, so that it can be put right, and is not in `filter`.
    """

    query: dict[str, str] = field(default_factory=dict)
    filter: Filter = field(default_factory=Filter)
    errors: dict[str, str] = field(default_factory=dict)

    @property
    def narrowed(self) -> bool:
        """Whether anything but a state is asked for."""
        return any(name != "state" for name in self.query)


def wanted(arguments: Mapping[str, str], now: datetime, zone: str) -> Wanted:
    """The filter that an address asks for; empty fields ask for nothing. Plain times are in `zone`."""
    query = {name: given for name in LABELS if (given := storable(arguments.get(name, "").strip())[:_LENGTH])}
    meant: dict[str, Any] = {}
    errors: dict[str, str] = {}
    for name, given in query.items():
        try:
            meant[name] = _read(name, given, now, zone)
        except ValueError as error:
            errors[name] = str(error)
    _require_order(meant, errors)
    if (quick := meant.pop("last", None)) is not None:
        meant["since"] = max(quick, meant["since"]) if "since" in meant else quick
    return Wanted(query, Filter(**meant), errors)


def moment(text: str, zone: str) -> datetime:
    """A time as typed or as a date field sends it; ValueError says how to write it."""
    try:
        found = datetime.fromisoformat(text)
        return (found if found.tzinfo else found.replace(tzinfo=ZoneInfo(zone))).astimezone(UTC)
    except (ValueError, OverflowError):
        raise ValueError(_("%(value)s is no time. Write it like 2026-11-20 14:30.", value=text)) from None


def seconds(text: str) -> float:
    """A number of seconds; ValueError says what is allowed."""
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not 0 <= number <= _SECONDS_MAX:
        raise ValueError(_("%(value)s is no number of seconds from 0 on.", value=text))
    return number


def _state(text: str) -> tuple[str, ...]:
    if text.lower() in GROUPS:
        return GROUPS[text.lower()]
    if text.upper() in states.ALL:
        return (text.upper(),)
    raise ValueError(_("There is no state %(value)s. Choose one of those above the list.", value=text))


def _schedule(text: str) -> int:
    if not text.isascii() or not text.isdigit() or not 0 < int(text) <= _ID_MAX:
        raise ValueError(_("%(value)s is no number of a schedule.", value=text))
    return int(text)


_READERS: dict[str, Callable[[str], Any]] = {
    "state": _state,
    "schedule_id": _schedule,
    "min_seconds": seconds,
    "max_seconds": seconds,
}


def _read(name: str, text: str, now: datetime, zone: str) -> Any:
    if name in ("since", "until"):
        return moment(text, zone)
    if name == "last":
        if text not in QUICK:
            raise ValueError(
                _("%(value)s is no time range. Choose one of: %(all)s.", value=text, all=", ".join(QUICK))
            )
        return now - QUICK[text]
    return _READERS.get(name, str)(text)


def _require_order(meant: dict[str, Any], errors: dict[str, str]) -> None:
    """Bounds that leave nothing in between are a mistake: the second is not used."""
    if "since" in meant and "until" in meant and meant["until"] <= meant["since"]:
        del meant["until"]
        errors["until"] = _("This is not after the time from which runs are wanted.")
    if "min_seconds" in meant and "max_seconds" in meant and meant["max_seconds"] < meant["min_seconds"]:
        del meant["max_seconds"]
        errors["max_seconds"] = _("This is less than the shortest duration that is wanted.")
