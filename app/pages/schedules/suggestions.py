"""Tasks that people run by hand again and again, with a timing that suits when they did."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from sqlalchemy import select

from app import catalog
from app.accounts import permits
from app.extensions import db
from app.runs import Run
from celeriac_agent.settings import OWN_APP

WINDOW = timedelta(days=7)
MOST = 3
_READ_AT_MOST = 5_000  # runs: this page must open at once, whatever the history holds
_CLOSE_HOURS = 2


@dataclass(frozen=True)
class Suggestion:
    """A task, how often it was run by hand in the last week, and a cron expression; "" when none suits."""

    info: catalog.TaskInfo
    count: int
    cron_schedule: str


def suggest(tz: ZoneInfo, now: datetime) -> list[Suggestion]:
    """At most three tasks that people ran more than once in the last week, the most often run first."""
    newest = (
        select(Run.task_name, Run.app, Run.created_at, Run.requested_by, Run.schedule_id)
        .where(Run.created_at >= now - WINDOW)
        .order_by(Run.created_at.desc())
        .limit(_READ_AT_MOST)
        .subquery()
    )
    by_hand = newest.c.requested_by.is_not(None) & newest.c.schedule_id.is_(None)
    moments: defaultdict[tuple[str, str | None], list[datetime]] = defaultdict(list)
    columns = (newest.c.task_name, newest.c.app, newest.c.created_at)
    for name, app, created_at in db.session.execute(select(*columns).where(by_hand)):
        moments[name, app].append(created_at)
    often = sorted((item for item in moments.items() if len(item[1]) > 1), key=lambda item: -len(item[1]))
    known = [(catalog.lookup(name, app or OWN_APP), times) for (name, app), times in often]
    return [
        Suggestion(info, len(times), cron_for([time.astimezone(tz) for time in times]))
        for info, times in known
        if info is not None and permits.may_run(info.name, info.app)
    ][:MOST]


def cron_for(local_times: Sequence[datetime]) -> str:
    """The hour that the times lie around, on weekdays if all are; empty when they lie all over the day."""
    hours = sorted(time.hour for time in local_times)
    if hours[-1] - hours[0] > _CLOSE_HOURS:
        return ""
    days = "1-5" if all(time.weekday() < 5 for time in local_times) else "*"
    return f"0 {hours[len(hours) // 2]} * * {days}"
