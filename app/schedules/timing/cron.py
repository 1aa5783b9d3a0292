"""Cron expressions: read strictly, with the column named when something is wrong.

croniter expands ranges, steps and lists; when the fires happen is decided elsewhere (`local_times`, `fires`),
because croniter's own iteration goes other ways at clock changes. Rules, after Debian's cron(8) and
crontab(5):

- Day of month and day of week are OR-ed when both are restricted. "Restricted" is Vixie's: the column does
  not *start with* `*`. So `*/2` in a day column is AND-ed with the other one, as Debian does it.
- An entry is wild when its minute or hour column starts with `*`, otherwise fixed-time (see `fires`).
- `5/15` means from 5 to the end by 15, as crontab.guru, croniter and cronsim read it.
- Beyond Debian: ranges may wrap (`22-6`, `FRI-MON`; not with a step), seconds come first in a sixth column,
  `L` is the last day of the month, `5L` (or `L5`) the last Friday, `1#2` the second Monday.
- `?`, `W`, `H` and a year column, which other dialects have, are refused: they would be misread silently.
"""

import re
from functools import lru_cache
from typing import Any

from croniter import CroniterError, croniter
from flask_babel import lazy_gettext as _

from app.schedules.timing.errors import TimingError
from app.schedules.timing.local_times import LAST, CronExpression, days_in

LONGEST = 256  # characters; `0-59` written out as a list has 169
HORIZON_YEARS = 50  # the rarest that can be written, 29 February on a given weekday, comes within 40
MACROS = {
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
    "@monthly": "0 0 1 * *",
    "@weekly": "0 0 * * 0",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@hourly": "0 * * * *",
}
PARTS = ("second", "minute", "hour", "day_of_month", "month", "day_of_week")
_BOUNDS = {
    "second": (0, 59),
    "minute": (0, 59),
    "hour": (0, 23),
    "day_of_month": (1, 31),
    "month": (1, 12),
    "day_of_week": (0, 7),
}
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_DAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
_NAMES = {
    "month": {name: number for number, name in enumerate(_MONTHS, start=1)},
    "day_of_week": {name: number for number, name in enumerate(_DAYS)},
}
_ITEM = re.compile(r"(?:\*|([a-z]{3}|\d{1,2})(?:-([a-z]{3}|\d{1,2}))?)(?:/(\d{1,4}))?", re.ASCII)
_NTH = re.compile(r"([a-z]{3}|\d)#([1-5])|([a-z]{3}|\d)l|l([a-z]{3}|\d)", re.ASCII)


def allowed(part: str) -> str:
    """A sentence that says what may stand in that column; also the hint beside the field."""
    return str(_allowed(part))


def _allowed(part: str) -> Any:
    match part:
        case "second":
            return _("Second takes 0 to 59, a list 0,30, a range 10-20 or a step */15.")
        case "minute":
            return _("Minute takes 0 to 59, a list 15,45, a range 10-20 or a step */5.")
        case "hour":
            return _("Hour takes 0 to 23, a list 1,13, a range 9-17 or a step */2.")
        case "day_of_month":
            return _(
                "Day of month takes 1 to 31, a list 1,15, a range 1-7, a step */2 or L for the last day."
            )
        case "month":
            return _("Month takes 1 to 12 or JAN to DEC, a list 1,7, a range MAR-OCT or a step */3.")
        case _:
            return _(
                "Day of week takes 0 to 7 or SUN to SAT (0 and 7 are Sunday), a list 1,3, a range MON-FRI,"
                " 1#2 for the second Monday or 5L for the last Friday."
            )


@lru_cache(maxsize=8192)
def parse(text: str) -> CronExpression:
    """Reads a cron expression of 5 columns, 6 with seconds first, or a macro such as @daily.

    Raises TimingError with field `cron_schedule`, and `part` where one column is to blame. Takes less than
    10 ms whatever the text is.
    """
    if len(text) > LONGEST:
        raise _error(_("A cron expression has at most %(n)s characters.", n=LONGEST))
    columns = _split(text)
    spellings = dict(zip(PARTS, columns, strict=True))
    weekday_items, nth = _take_nth(spellings["day_of_week"])
    spellings["day_of_week"] = ",".join(weekday_items) or "*"
    plain = {part: _clean(part, spellings[part]) for part in PARTS}
    sets = _expand(plain)
    expression = CronExpression(
        text=" ".join(text.split()),
        columns=columns,
        seconds=tuple(sorted(sets["second"])),
        minutes=tuple(sorted(sets["minute"])),
        hours=tuple(sorted(sets["hour"])),
        days=frozenset(sets["day_of_month"]),
        last_day="l" in plain["day_of_month"].split(","),
        months=frozenset(sets["month"]),
        weekdays=frozenset(sets["day_of_week"]) if weekday_items else frozenset(),
        nth=nth,
        days_and=columns[3].startswith("*") or columns[5].startswith("*"),
        fixed=not columns[1].startswith("*") and not columns[2].startswith("*"),
    )
    _refuse_never(expression)
    return expression


def _error(message: Any, part: str | None = None) -> TimingError:
    return TimingError("cron_schedule", message, part)


def _split(text: str) -> tuple[str, ...]:
    """The six columns in lower case, seconds first."""
    lowered = text.strip().lower()
    if lowered.startswith("@"):
        if lowered == "@reboot":
            raise _error(_("@reboot is no point in time. Take a cron expression or a macro such as @daily."))
        if lowered not in MACROS:
            raise _error(_("The macros are %(macros)s.", macros=", ".join(MACROS)))
        lowered = MACROS[lowered]
    columns = lowered.split()
    if len(columns) == 5:
        columns = ["0", *columns]
    if len(columns) != 6:
        raise _error(
            _(
                "A cron expression has 5 columns: minute, hour, day of month, month, day of week;"
                " or 6 with the second first. This one has %(n)s.",
                n=len(columns),
            )
        )
    return tuple(columns)


def _take_nth(column: str) -> tuple[list[str], frozenset[tuple[int, int]]]:
    """Takes `1#2`, `5L` and `L5` out of the day-of-week column: (what is left, (weekday, n) pairs)."""
    rest, nth = [], set()
    for item in column.split(","):
        match = _NTH.fullmatch(item)
        if match is None:
            rest.append(item)
            continue
        numbered, n, before, after = match.groups()
        day = _number("day_of_week", numbered or before or after, item)
        nth.add((day % 7, int(n) if n else LAST))
    return rest, frozenset(nth)


def _clean(part: str, column: str) -> str:
    """The column with names as numbers and every item checked, as croniter reads it without surprise."""
    return ",".join(_clean_item(part, item) for item in column.split(","))


def _clean_item(part: str, item: str) -> str:
    if item == "l" and part == "day_of_month":
        return item
    match = _ITEM.fullmatch(item)
    if match is None:
        raise _misfit(part, item)
    step = match[3]
    if step is not None and int(step) == 0:
        raise _error(_("The step in %(item)s must be 1 or more.", item=item), part)
    suffix = f"/{int(step)}" if step else ""
    if match[1] is None:
        return "*" + suffix
    low = _number(part, match[1], item)
    if match[2] is None:
        # A single number with a step runs to the end of the column.
        highest = _BOUNDS[part][1]
        return f"{low}-{highest}{suffix}" if step and low < highest else str(low)
    return _clean_range(part, item, low, _number(part, match[2], item), suffix)


def _clean_range(part: str, item: str, low: int, high: int, suffix: str) -> str:
    if part == "day_of_week" and high == 0 and low > 0:
        high = 7  # FRI-SUN ends on Sunday, it does not wrap
    if low == high:
        return str(low)  # croniter takes `5-5` for the whole column; Debian's cron takes it for 5
    if low > high and suffix:
        raise _error(_("%(item)s runs over the end and cannot have a step. Write a list.", item=item), part)
    return f"{low}-{high}{suffix}"


def _number(part: str, spelling: str, item: str) -> int:
    lowest, highest = _BOUNDS[part]
    number = int(spelling) if spelling.isdigit() else _NAMES.get(part, {}).get(spelling)
    if number is None or not lowest <= number <= highest:
        raise _misfit(part, item)
    return number


def _misfit(part: str, item: str) -> TimingError:
    shown = item if len(item) <= 20 else item[:19] + "…"
    return _error(_("“%(item)s” does not fit. %(allowed)s", item=shown, allowed=_allowed(part)), part)


def _expand(plain: dict[str, str]) -> dict[str, set[int]]:
    """The numbers of each column; croniter does the arithmetic."""
    try:
        expanded, _nth = croniter.expand(" ".join(plain[part] for part in PARTS), second_at_beginning=True)
    except CroniterError as refused:
        raise _error(_("This is not a cron expression: %(why)s", why=str(refused))) from refused
    sets = {}
    for part, values in zip((*PARTS[1:], PARTS[0]), expanded, strict=True):
        lowest, highest = _BOUNDS[part]
        if part == "day_of_week":
            highest = 6  # croniter gives 7 as 0
        every = set(range(lowest, highest + 1))
        sets[part] = every if "*" in values else {value for value in values if isinstance(value, int)}
    return sets


def _refuse_never(expression: CronExpression) -> None:
    # The calendar repeats every 400 years and leap days fall on each weekday within 40, wherever one starts.
    for year in range(2000, 2000 + HORIZON_YEARS):
        if any(days_in(expression, year, month) for month in expression.months):
            return
    raise _error(
        _("This never fires: none of these months has such a day, as with 31 February."), "day_of_month"
    )
