"""The `beat_schedule` of an app, as the agent in its workers tells it with its tasks."""

from collections.abc import Mapping
from typing import Any

from flask_babel import gettext as _

from app import catalog
from app.catalog.published import published
from app.schedules.foreign.entries import (
    ENTRIES_MAX,
    Crontab,
    Entry,
    EntryTiming,
    Interval,
    Other,
    Reading,
    Unreadable,
    moment,
    solar,
    unknown_options,
)
from celeriac_agent.schedules import VERSION

_KNOWN = {"name", "task", "args", "kwargs", "schedule", "options", "timezone"}
_OPTIONS = ("queue", "priority", "expires")
_COLUMNS = ("minute", "hour", "day_of_month", "month_of_year", "day_of_week")


def apps() -> list[str]:
    """The apps whose workers tell of schedules."""
    documents = published().schedules
    return sorted(
        app
        for app, document in documents.items()
        if document.get("entries") or (document and not _read(document))
    )


def read(app: str) -> Reading:
    """What the newest workers of an app say; raises `Unreadable`."""
    document = published().schedules.get(app)
    if not document:
        raise Unreadable(_("No worker of the app %(name)s has told of its beat_schedule.", name=app))
    if not _read(document):
        words = _(
            "The agent of %(name)s tells its schedules in version %(told)s, this Celeriac reads version "
            "%(known)s.",
            name=app,
            told=str(document.get("v"))[:20],
            known=VERSION,
        )
        raise Unreadable(words)
    zone = document.get("timezone")
    entries = [_entry(entry, zone) for entry in list(document.get("entries") or [])[:ENTRIES_MAX]]
    return Reading(entries, left_out=int(document.get("left_out") or 0))


def _read(document: Mapping[str, Any]) -> bool:
    return document.get("v") == VERSION


def _entry(entry: Any, zone: Any) -> Entry:
    name = str(entry.get("name", ""))[:200] if isinstance(entry, Mapping) else ""
    try:
        return _told(name, entry, entry.get("timezone") or zone)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        why = _("What its worker says cannot be read: %(why)s", why=f"{type(error).__name__}: {error}")
        return Entry(name=name, task_name="", timing=Other("", why))


def _told(name: str, entry: Mapping[str, Any], zone: Any) -> Entry:
    options = dict(entry.get("options") or {})
    args, kwargs = list(entry.get("args") or []), dict(entry.get("kwargs") or {})
    expires = options.get("expires")
    seconds = isinstance(expires, int | float) and not isinstance(expires, bool)
    problems = unknown_options([option for option in options if option not in _OPTIONS])
    if unknown := sorted(set(entry) - _KNOWN):
        problems.append(
            _("Its worker tells what this Celeriac does not know: %(names)s.", names=", ".join(unknown))
        )
    if any(map(catalog.is_masked, [*args, *kwargs.values()])):
        problems.append(_("Its secret arguments do not leave its process. Make this schedule here by hand."))
    timing = _timing(entry["schedule"])
    if zone is None and isinstance(timing, Crontab):
        problems.append(_("It goes by the clock of its machine: give that app a timezone by name."))
    return Entry(
        name=name,
        task_name=str(entry["task"]),
        timing=timing,
        args=args,
        kwargs=kwargs,
        timezone=str(zone or "UTC"),
        queue=options.get("queue"),
        priority=options.get("priority"),
        message_ttl_seconds=int(expires) if seconds and expires else None,
        ends_at=None if seconds else moment(expires),
        problems=problems,
    )


def _timing(entry: Mapping[str, Any]) -> EntryTiming:
    match entry["kind"]:
        case "crontab":
            return Crontab(*(str(entry[name]) for name in _COLUMNS))
        case "interval":
            return Interval(float(entry["seconds"]), bool(entry.get("relative")))
        case "solar":
            return solar(entry["event"], entry["latitude"], entry["longitude"])
    kind = str(entry["kind"])[:100]
    return Other(kind, _("A schedule of the kind %(kind)s is not known here.", kind=kind))
