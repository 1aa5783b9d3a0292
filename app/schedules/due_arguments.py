"""Arguments that refer to the fire: `{"$due": "-P1D", "floor": "day"}` is the start of the day before it.

A marker is an object with `$due`, an ISO 8601 duration that is added to the moment the fire is due, in the
schedule's zone, and optionally

- `floor`: hour, day, week (Monday), month or year; the result is taken back to its start, after the addition;
- `as`: date or datetime. Without it the parameter's own kind counts, which the caller knows from the task.

`P0D` is the fire itself. Years, months, weeks and days move the date and keep the time of day (31 March
less a month is the last of February); hours, minutes and seconds are real time. A time of day that the
clocks skip moves on by as much as they do. Dates come out as `2026-11-19`, datetimes as
`2026-11-19T01:30:00+00:00` with the zone's offset.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Literal
from zoneinfo import ZoneInfo

from dateutil.relativedelta import relativedelta
from flask_babel import gettext as _

from app.errors import Invalid

Kind = Literal["date", "datetime"]

KEY = "$due"
FLOORS = ("hour", "day", "week", "month", "year")
KINDS = ("date", "datetime")
DEEPEST = 50  # levels of lists and objects within an argument
_DURATION = re.compile(
    r"(?P<sign>[+-])?P(?:(?P<years>\d{1,6})Y)?(?:(?P<months>\d{1,6})M)?(?:(?P<weeks>\d{1,6})W)?"
    r"(?:(?P<days>\d{1,6})D)?"
    r"(?:T(?:(?P<hours>\d{1,6})H)?(?:(?P<minutes>\d{1,8})M)?(?:(?P<seconds>\d{1,10})S)?)?",
    re.ASCII,
)
_FARTHEST_YEARS = 100
_HOLDERS = (dict, list, tuple)


class _Problem(ValueError):
    """A marker that cannot be read; the text says what is allowed."""


def check(args: Sequence[Any], kwargs: Mapping[str, Any]) -> None:
    """Refuses markers that cannot be resolved.

    Raises Invalid with one entry per marker, named by its place: `region`, `filters.0.since`, `args.1`.
    """
    if _is_flat(args, kwargs):
        return
    errors: dict[str, list[str]] = {}

    def examine(marker: dict[str, Any], path: str) -> None:
        try:
            _read(marker)
        except _Problem as problem:
            errors[path] = [str(problem)]

    _walk_call(args, kwargs, examine, errors)
    if errors:
        raise Invalid(errors)


def has_markers(args: Sequence[Any], kwargs: Mapping[str, Any]) -> bool:
    """Whether any argument refers to the fire, so that its value differs from fire to fire."""
    if _is_flat(args, kwargs):
        return False
    markers: list[str] = []
    _walk_call(args, kwargs, lambda _marker, path: markers.append(path), {})
    return bool(markers)


def resolve(
    args: Sequence[Any],
    kwargs: Mapping[str, Any],
    due_at: datetime,
    tz: ZoneInfo,
    kinds: Mapping[str, Kind] | None = None,
) -> tuple[list[Any], dict[str, Any]]:
    """The arguments with every marker replaced by plain text for the fire due at that (aware) moment.

    `kinds` says by parameter name, or by `args.0`, whether a parameter takes dates; anything in it that has
    no `as` of its own follows. Parameters not named there get datetimes. The input is left as it is. Raises
    Invalid like `check`.
    """
    local = due_at.astimezone(tz)
    errors: dict[str, list[str]] = {}

    def put_in(marker: dict[str, Any], path: str) -> Any:
        top = ".".join(path.split(".")[:2]) if path.startswith("args.") else path.split(".")[0]
        try:
            return _resolved(marker, local, (kinds or {}).get(top, "datetime"))
        except _Problem as problem:
            errors[path] = [str(problem)]

    resolved = _walk_call(args, kwargs, put_in, errors)
    if errors:
        raise Invalid(errors)
    return resolved


def _is_flat(args: Sequence[Any], kwargs: Mapping[str, Any]) -> bool:
    """Whether no argument holds others, as most do: there is no marker then, and nothing to walk through."""
    return not any(isinstance(value, _HOLDERS) for value in (*args, *kwargs.values()))


def _walk_call(
    args: Sequence[Any],
    kwargs: Mapping[str, Any],
    visit: Callable[[dict[str, Any], str], Any],
    errors: dict[str, list[str]],
) -> tuple[list[Any], dict[str, Any]]:
    """Copies of the arguments in which each marker is what `visit` makes of it."""

    def walk(value: Any, path: str, depth: int) -> Any:
        if depth > DEEPEST:
            errors[path] = [_("This is nested more than %(n)s levels deep.", n=DEEPEST)]
            return None
        if isinstance(value, dict):
            if KEY in value:
                return visit(value, path)
            return {key: walk(item, f"{path}.{key}", depth + 1) for key, item in value.items()}
        if isinstance(value, list | tuple):
            return [walk(item, f"{path}.{index}", depth + 1) for index, item in enumerate(value)]
        return value

    return (
        [walk(value, f"args.{index}", 0) for index, value in enumerate(args)],
        {name: walk(value, name, 0) for name, value in kwargs.items()},
    )


def _read(marker: dict[str, Any]) -> tuple[relativedelta, timedelta, str | None, Kind | None]:
    """(calendar part, clock part, floor, kind) of a marker. Raises _Problem."""
    unknown = sorted(str(key) for key in marker if key not in (KEY, "floor", "as"))
    if unknown:
        raise _Problem(_("Beside $due only floor and as may stand, not %(name)s.", name=unknown[0][:40]))
    floor, kind = marker.get("floor"), marker.get("as")
    if floor is not None and floor not in FLOORS:
        raise _Problem(_("floor takes one of %(floors)s.", floors=", ".join(FLOORS)))
    if kind is not None and kind not in KINDS:
        raise _Problem(_("as takes one of %(kinds)s.", kinds=", ".join(KINDS)))
    return *_duration(marker[KEY]), floor, kind


def _duration(text: Any) -> tuple[relativedelta, timedelta]:
    """The calendar part and the clock part of an ISO 8601 duration. Raises _Problem."""
    match = _DURATION.fullmatch(text) if isinstance(text, str) else None
    if match is None or text[-1] in "PT":
        raise _Problem(_("$due takes an ISO 8601 duration: -P1D, P0D, -P1M, PT12H."))
    sign = -1 if match["sign"] == "-" else 1
    number = {unit: sign * int(digits or 0) for unit, digits in match.groupdict().items() if unit != "sign"}
    calendar = relativedelta(
        years=number["years"], months=number["months"], weeks=number["weeks"], days=number["days"]
    )
    clock = timedelta(hours=number["hours"], minutes=number["minutes"], seconds=number["seconds"])
    days = abs(calendar.years) * 365 + abs(calendar.months) * 30 + abs(calendar.days) + abs(clock.days)
    if days > _FARTHEST_YEARS * 365:
        raise _Problem(_("$due goes at most %(n)s years away from the fire.", n=_FARTHEST_YEARS))
    return calendar, clock


def _resolved(marker: dict[str, Any], local: datetime, kind: Kind) -> str:
    calendar, clock, floor, own_kind = _read(marker)
    try:
        moment = _on_the_clock(local, calendar) if calendar else local
        moment = (moment.astimezone(UTC) + clock).astimezone(local.tzinfo)
        moment = _floored(moment, floor) if floor else moment
    except (OverflowError, ValueError) as overflow:
        raise _Problem(_("$due leads out of the calendar.")) from overflow
    return moment.date().isoformat() if (own_kind or kind) == "date" else moment.isoformat()


def _on_the_clock(local: datetime, calendar: relativedelta) -> datetime:
    """The same time of day on another date."""
    moved: datetime = local + calendar
    return _existing(moved)


def _floored(moment: datetime, floor: str) -> datetime:
    """The start of the hour, day, week, month or year that the moment lies in."""
    if floor == "hour":
        return moment.replace(minute=0, second=0, microsecond=0)
    day = moment.replace(hour=0, minute=0, second=0, microsecond=0, fold=0)
    match floor:
        case "week":
            day -= timedelta(days=day.weekday())
        case "month":
            day = day.replace(day=1)
        case "year":
            day = day.replace(month=1, day=1)
    return _existing(day)


def _existing(moment: datetime) -> datetime:
    """The moment as the clocks show it: later by the gap when its reading lies in one."""
    return moment.astimezone(UTC).astimezone(moment.tzinfo)
