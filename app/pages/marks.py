"""Marks on charts: deploys, and what people changed of schedules, at their times; near ones are one mark."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from operator import attrgetter

from flask import url_for
from flask_babel import format_datetime, get_timezone
from flask_babel import gettext as _

from app import schedules, workers
from app.schedules.models import ScheduleChange
from app.workers.deploys import WorkerStart

DEPLOY, SCHEDULE = "deploy", "schedule"
APART = 3.0  # percent: nearer ones could not be pointed at
SAID_MOST = 3
ROLLING = timedelta(hours=1)  # that workers of one deploy may start one after another
_DAY = timedelta(days=1)


@dataclass(frozen=True)
class Happening:
    """What happened; its `words`, and the `address` where more stands, are made for what is shown."""

    at: datetime
    kind: str
    words: Callable[[], str]
    address: Callable[[], str]


@dataclass(frozen=True)
class Mark:
    """A line across a chart, `at` so many percent, its words on its left side (`before`) or right."""

    at: float
    kind: str
    said: Sequence[str]
    address: str

    @property
    def label(self) -> str:
        return _("; ").join(self.said)

    @property
    def before(self) -> bool:
        return self.at > 50


def happened(
    from_at: datetime, until_at: datetime, app: str | None = None, task_name: str | None = None
) -> list[Happening]:
    """What happened in that time: to one app's workers and the schedules of a task of it, or to all."""
    changes = schedules.changes_between(from_at, until_at, app, task_name)
    return [*_deploys(workers.deploys.between(from_at, until_at, app)), *map(_changed, changes)]


def marks(happenings: Iterable[Happening], from_at: datetime, until_at: datetime) -> list[Mark]:
    """The marks of a chart of that time."""
    groups: list[list[Happening]] = []
    places: list[float] = []
    within = (happening for happening in happenings if from_at <= happening.at < until_at)
    for happening in sorted(within, key=attrgetter("at")):
        place = round(100 * (happening.at - from_at) / (until_at - from_at), 2)
        if places and place - places[-1] < APART:
            groups[-1].append(happening)
        else:
            groups.append([happening])
            places.append(place)
    days = until_at - from_at > _DAY
    return [_mark(place, group, days) for place, group in zip(places, groups, strict=True)]


def _mark(place: float, group: Sequence[Happening], days: bool) -> Mark:
    said = [
        _("%(at)s %(what)s", at=_clock(happening.at, days), what=happening.words())
        for happening in group[:SAID_MOST]
    ]
    if len(group) > SAID_MOST:
        said.append(_("and %(n)s more", n=len(group) - SAID_MOST))
    kind = DEPLOY if any(happening.kind == DEPLOY for happening in group) else SCHEDULE
    address = group[0].address() if len(group) == 1 else url_for("audit.index")
    return Mark(place, kind, said, address)


def _deploys(starts: Iterable[WorkerStart]) -> list[Happening]:
    """A deploy starts several workers with the same version: they are one."""
    rolled: list[list[WorkerStart]] = []
    for start in starts:
        same = (
            deploy
            for deploy in rolled
            if (deploy[0].app, deploy[0].version) == (start.app, start.version)
            and start.at - deploy[0].at < ROLLING
        )
        known = next(same, None)
        if known is None:
            rolled.append([start])
        else:
            known.append(start)
    to = partial(url_for, "workers.index")
    return [Happening(deploy[0].at, DEPLOY, partial(_deploy_words, _names(deploy)), to) for deploy in rolled]


def _names(starts: Iterable[WorkerStart]) -> list[str]:
    return list(dict.fromkeys(start.hostname for start in starts))


def _deploy_words(names: Sequence[str]) -> str:
    if len(names) == 1:
        return _("deploy: %(name)s with other code", name=names[0])
    return _("deploy: %(name)s and %(n)s more with other code", name=names[0], n=len(names) - 1)


def _changed(change: ScheduleChange) -> Happening:
    words = partial(_change_words, change.action, by=change.by or "", name=change.schedule_name)
    return Happening(change.at, SCHEDULE, words, partial(_change_address, change.action, change.schedule_id))


def _change_words(action: str, **values: str) -> str:
    match action:
        case "create" | "import" | "take-over":
            return _("%(by)s made the schedule %(name)s", **values)
        case "enable":
            return _("%(by)s turned the schedule %(name)s on", **values)
        case "disable":
            return _("%(by)s turned the schedule %(name)s off", **values)
        case "delete":
            return _("%(by)s deleted the schedule %(name)s", **values)
    return _("%(by)s changed the schedule %(name)s", **values)


def _change_address(action: str, schedule_id: int) -> str:
    if action == "delete":
        return url_for("audit.index")
    return url_for("schedules.show", schedule_id=schedule_id)


def _clock(at: datetime, days: bool) -> str:
    return str(format_datetime(at, _("EEE HH:mm"))) if days else f"{at.astimezone(get_timezone()):%H:%M}"
