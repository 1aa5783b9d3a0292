"""The keys of RedBeat: a sorted set of names by their next fire, a hash for each, the lock of its scheduler.

Redis does not say in which zone the app's crontabs are, nor which prefix its keys have: the URL may, by
`?timezone=Europe/Berlin` and `?key_prefix=shop:`.
"""

import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta, timezone
from typing import Any, cast
from zoneinfo import ZoneInfo

import redis
from flask_babel import gettext as _

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
    unknown_options,
)
from app.setting_values import redbeat_parts
from celeriac_agent import redis_urls

CONNECT_SECONDS = 2.0
ANSWER_SECONDS = 5.0
_COLUMNS = ("minute", "hour", "day_of_month", "month_of_year", "day_of_week")
_OPTIONS = ("queue", "priority", "expires")


def read(url: str) -> Reading:
    """The schedules in Redis; raises `Unreadable`."""
    place, prefix, zone = redbeat_parts(url)
    client = redis_urls.client(
        place, socket_connect_timeout=CONNECT_SECONDS, socket_timeout=ANSWER_SECONDS, decode_responses=True
    )
    try:
        with client:
            keys = cast(list[str], client.zrange(f"{prefix}:schedule", 0, ENTRIES_MAX))
            alive = bool(client.exists(f"{prefix}:lock"))
            if not keys and not alive:
                raise Unreadable(_("There are no keys of RedBeat that begin with %(prefix)s.", prefix=prefix))
            pipe = client.pipeline(transaction=False)
            for key in keys[:ENTRIES_MAX]:
                pipe.hmget(key, ["definition", "meta"])
            answers = pipe.execute(raise_on_error=False)
    except redis.RedisError as error:
        raise Unreadable(_("This Redis cannot be read: %(why)s", why=error)) from None
    values_by_key = zip(sorted(keys[:ENTRIES_MAX]), _by_key(keys, answers), strict=True)
    entries = [_entry(key.removeprefix(prefix), answer, zone) for key, answer in values_by_key]
    return Reading(entries, alive, max(len(keys) - ENTRIES_MAX, 0))


def _by_key(keys: list[str], answers: list[Any]) -> list[Any]:
    """The answers in the order of the keys' names: theirs is by the next fire."""
    values = dict(zip(keys, answers, strict=False))
    return [values[key] for key in sorted(values)]


def _entry(name: str, answer: Any, zone: str) -> Entry:
    try:
        definition = json.loads(answer[0])
        meta = json.loads(answer[1]) if answer[1] else {}
        last_run_at = _moment(meta.get("last_run_at"))
        return _read(name, definition, last_run_at, int(meta.get("total_run_count") or 0), zone)
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        why = _("Its hash cannot be read: %(why)s", why=f"{type(error).__name__}: {error}")
        return Entry(name=name, task_name="", timing=Other("", why))


def _read(
    name: str, document: Mapping[str, Any], last_run_at: datetime | None, run_count: int, zone: str
) -> Entry:
    options = dict(document.get("options") or {})
    expires = options.get("expires")
    seconds = isinstance(expires, int | float) and not isinstance(expires, bool)
    return Entry(
        name=name,
        task_name=str(document["task"]),
        timing=timing(document["schedule"]),
        args=list(document.get("args") or []),
        kwargs=dict(document.get("kwargs") or {}),
        timezone=zone,
        enabled=bool(document.get("enabled", True)),
        queue=options.get("queue"),
        priority=options.get("priority"),
        message_ttl_seconds=int(expires) if seconds and expires else None,
        ends_at=None if seconds else _moment(expires),
        last_run_at=last_run_at,
        run_count=run_count,
        problems=unknown_options([option for option in options if option not in _OPTIONS]),
    )


def timing(document: Mapping[str, Any]) -> EntryTiming:
    """A schedule as RedBeat's JSON says it."""
    match document.get("__type__"):
        case "crontab":
            return Crontab(*(_column(document.get(name, "*")) for name in _COLUMNS))
        case "interval":
            return Interval(float(document["every"]), bool(document.get("relative")))
        case "rrule":
            return Other("rrule", _("A rule of calendars (rrule) is nothing that a schedule can have here."))
    kind = str(document.get("__type__"))
    return Other(kind, _("A schedule of the kind %(kind)s is not known here.", kind=kind))


def _column(value: Any) -> str:
    return ",".join(map(str, value)) if isinstance(value, list) else str(value)


def _moment(text: Any) -> datetime | None:
    """A moment as RedBeat's JSON says it: its parts, and a zone by name or by seconds."""
    if not isinstance(text, Mapping):
        return moment(text)
    parts = {name: value for name, value in text.items() if name not in ("__type__", "timezone")}
    zone = text.get("timezone", "UTC")
    tz = timezone(timedelta(seconds=zone)) if isinstance(zone, int | float) else ZoneInfo(zone)
    return datetime(**parts, tzinfo=tz).astimezone(UTC)
