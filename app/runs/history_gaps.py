"""Gaps in what is told: from when to when, and the runs whose ends fell into one."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from flask_babel import gettext as _
from sqlalchemy import select

from app.extensions import db, transaction
from app.runs import states
from app.runs.models import HistoryGap, Run


def note(from_at: datetime, until_at: datetime, now: datetime) -> None:
    """Note that events of a span of time are lost for good; pages show it. Spans that touch become one."""
    with transaction() as session:
        touching = HistoryGap.from_at <= until_at, HistoryGap.until_at >= from_at
        for known in session.scalars(select(HistoryGap).where(*touching)):
            from_at, until_at = min(from_at, known.from_at), max(until_at, known.until_at)
            session.delete(known)
        session.add(HistoryGap(from_at=from_at, until_at=until_at, found_at=now))


def note_told(event: Mapping[str, Any]) -> None:
    """The same of a gap that a worker tells of."""
    since, until, at = (datetime.fromtimestamp(event[name], UTC) for name in ("since", "until", "at"))
    note(since, until, at)


def is_any_since(at: datetime) -> bool:
    """Whether anything was lost after that moment."""
    return db.session.scalar(select(HistoryGap.id).where(HistoryGap.until_at > at).limit(1)) is not None


def ends_not_told(event: Mapping[str, Any]) -> list[dict[str, Any]]:
    """An event for each run that the worker which tells of a gap was known to have, and has no more.

    That worker names what it has some time after the gap, when all that it had kept is told. A run that was
    heard of in the second half of that time began after the gap: its end is told.
    """
    heard_before = datetime.fromtimestamp((event["until"] + event["at"]) / 2, UTC)
    had = select(Run.id, Run.task_name, Run.attempt).where(
        Run.state.in_(states.AT_WORK),
        Run.app == event.get("app"),
        Run.worker == event["worker"],
        Run.updated_at < heard_before,
    )
    why = _("Its worker %(name)s could not tell how it ended.", name=event["worker"])
    same = {name: event[name] for name in ("at", "worker", "app") if name in event}
    same |= {"type": "lost", "error": f"{states.END_NOT_TOLD}: {why}"}
    has = set(event["has"])
    return [
        same | {"id": run_id, "task": task, "attempt": attempt}
        for run_id, task, attempt in db.session.execute(had)
        if run_id not in has
    ]
