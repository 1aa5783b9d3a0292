"""The app's `beat_schedule`, as its workers know it: told with the catalog, so that Celeriac can show it."""

from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from typing import Any

from celery import Celery
from celery.schedules import BaseSchedule, crontab, schedule, solar

VERSION = 1
ENTRIES_MAX = 2000
_COLUMNS = ("minute", "hour", "day_of_month", "month_of_year", "day_of_week")

Hide = Callable[[str, Sequence[Any], Mapping[str, Any]], "tuple[Any, Any]"]
Facts = dict[str, Any]


def document(app: Celery, hide: Hide) -> Facts:
    """The entries in order of their names, with secret arguments hidden."""
    entries = sorted((app.conf.beat_schedule or {}).items(), key=lambda one: str(one[0]))
    return {
        "v": VERSION,
        "timezone": _zone(app.timezone),
        "left_out": max(len(entries) - ENTRIES_MAX, 0),
        "entries": [_entry(str(name), entry, hide) for name, entry in entries[:ENTRIES_MAX]],
    }


def _entry(name: str, entry: Any, hide: Hide) -> Facts:
    """What cannot be read is told by its name alone."""
    try:
        task = str(entry["task"])
        args, kwargs = hide(task, tuple(entry.get("args") or ()), dict(entry.get("kwargs") or {}))
        value = entry["schedule"]
        facts = {"name": name, "task": task, "args": list(args), "kwargs": kwargs}
        facts |= {"schedule": timing(value, bool(entry.get("relative")))}
        facts |= {"options": {str(key): item for key, item in (entry.get("options") or {}).items()}}
        own_zone = vars(value).get("tz") if isinstance(value, BaseSchedule) else None
        return facts | ({"timezone": _zone(own_zone)} if own_zone is not None else {})
    except Exception:  # an entry is anybody's code
        return {"name": name}


def timing(value: Any, relative: bool = False) -> Facts:
    """A schedule by its kind; what is of another kind is told by its name."""
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        value = timedelta(seconds=value)
    if isinstance(value, timedelta):
        return {"kind": "interval", "seconds": value.total_seconds(), "relative": relative}
    if isinstance(value, solar):
        return {"kind": "solar", "event": value.event, "latitude": value.lat, "longitude": value.lon}
    named = type(value).__name__
    if isinstance(value, crontab):
        if value.nowfun is not None and "tz" not in vars(value):  # a clock of its own
            return {"kind": f"{named} with a nowfun"}
        columns = {name: _column(getattr(value, f"_orig_{name}")) for name in _COLUMNS}
        return {"kind": "crontab", **columns}
    if type(value) is schedule:
        seconds = value.run_every.total_seconds()
        return {"kind": "interval", "seconds": seconds, "relative": bool(value.relative)}
    return {"kind": named}


def _column(value: Any) -> str:
    return str(value) if isinstance(value, (str, int)) else ",".join(map(str, sorted(value)))


def _zone(value: Any) -> "str | None":
    """The name of a zone; None for the clock of the machine."""
    name = getattr(value, "key", None) or getattr(value, "zone", None)
    return str(name) if name else "UTC" if str(value) == "UTC" else None
