"""What another scheduler says of its schedules, as plain values, whatever it keeps them in."""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from celery.exceptions import CeleryError
from celery.schedules import ParseException, crontab
from flask_babel import gettext as _

from app.errors import CeleriacError
from app.schedules.timing import zone

ENTRIES_MAX = 10_000  # of one source


class Unreadable(CeleriacError):
    """A source does not answer, or holds no schedules (502)."""

    status = 502
    code = "scheduler-unreadable"


@dataclass(frozen=True)
class Crontab:
    """The columns as they were given to Celery's `crontab`."""

    minute: str = "*"
    hour: str = "*"
    day_of_month: str = "*"
    month_of_year: str = "*"
    day_of_week: str = "*"

    def __str__(self) -> str:
        parts = (self.minute, self.hour, self.day_of_month, self.month_of_year, self.day_of_week)
        return " ".join(part.replace(" ", "") for part in parts)

    def celery(self, timezone: str, clock: Callable[[], datetime]) -> crontab:
        """Celery's own object, for which that is the time; raises `ValueError`."""
        try:
            made = crontab(
                self.minute,
                self.hour,
                self.day_of_week,
                self.day_of_month,
                self.month_of_year,
                nowfun=clock,
            )
            made.tz = zone(timezone)
        except (ParseException, CeleryError, TypeError) as error:
            raise ValueError(f"{type(error).__name__}: {error}") from None
        return made


@dataclass(frozen=True)
class Interval:
    """Every so many seconds; `relative` to full minutes, hours or days of the clock."""

    seconds: float
    relative: bool = False

    def __str__(self) -> str:
        return f"{self.seconds:g} s" + (" (relative)" if self.relative else "")


@dataclass(frozen=True)
class Clocked:
    """Once, at that moment."""

    at: datetime

    def __str__(self) -> str:
        return self.at.isoformat()


@dataclass(frozen=True)
class Other:
    """A timing of a kind that does not exist here: what it is called there, and why it has no equal."""

    name: str
    why: str

    def __str__(self) -> str:
        return self.name


EntryTiming = Crontab | Interval | Clocked | Other


@dataclass(frozen=True, kw_only=True)
class Entry:
    """One schedule of another scheduler. `problems` say what in it could not be read, or has no equal here.

    `priority` is the number that their broker gets. `fires_at_start`: the first fire is at `starts_at`.
    """

    name: str
    task_name: str
    timing: EntryTiming
    args: list[Any] = field(default_factory=list)
    kwargs: dict[str, Any] = field(default_factory=dict)
    timezone: str = "UTC"
    enabled: bool = True
    queue: str | None = None
    priority: int | None = None
    message_ttl_seconds: int | None = None
    starts_at: datetime | None = None
    ends_at: datetime | None = None
    one_off: bool = False
    fires_at_start: bool = False
    last_run_at: datetime | None = None
    run_count: int = 0
    note: str = ""
    problems: Sequence[str] = ()


@dataclass(frozen=True)
class Reading:
    """What a source said. `alive`: it holds a lock that says that its scheduler runs."""

    entries: Sequence[Entry]
    alive: bool = False
    left_out: int = 0


def parsed(text: Any, kind: type[list[Any]] | type[dict[str, Any]], name: str) -> tuple[Any, list[str]]:
    """The JSON of a column, with what is wrong with it in words."""
    try:
        value = json.loads(text) if text else kind()
    except (ValueError, TypeError, RecursionError):
        value = None
    if isinstance(value, kind):
        return value, []
    if kind is list:
        return kind(), [_("Its %(name)s are no JSON list.", name=name)]
    return kind(), [_("Its %(name)s are no JSON object.", name=name)]


def moment(value: Any) -> datetime | None:
    """A moment as databases give it; without a zone it is in UTC. Raises `ValueError`."""
    if value is None or value == "":
        return None
    at = value if isinstance(value, datetime) else datetime.fromisoformat(str(value))
    return at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)


def unknown_options(names: Sequence[str]) -> list[str]:
    """The words for options of a message that have no equal here."""
    if not names:
        return []
    return [_("These options are not known here: %(names)s.", names=", ".join(sorted(map(str, names))))]


def solar(event: Any, latitude: Any, longitude: Any) -> Other:
    """Sunrise, sunset and the like at a place."""
    name = f"{str(event).replace('_', ' ')} ({latitude}, {longitude})"
    return Other(name, _("Sunrise and sunset are not times that a schedule can have here."))
