"""Rows of schedules under change: locked, checked for their version, put to their next fire, announced."""

from datetime import datetime
from typing import Any

from flask_babel import gettext as _
from sqlalchemy import select

from app import broker
from app.broker import topics, wakeups
from app.errors import NotFound, Stale
from app.extensions import db
from app.schedules import timing
from app.schedules.definition import timing_of
from app.schedules.models import Schedule
from app.schedules.validation import NAME_LENGTH

ID_MAX = 2**31 - 1


def locked(schedule_id: int, if_version: int | None = None) -> Schedule:
    """The row, locked until the end of the caller's `transaction()`.

    Raises `NotFound`, and `Stale` when `if_version` is not its version any more.
    """
    row = None
    if 0 < schedule_id <= ID_MAX:
        row = db.session.scalar(select(Schedule).where(Schedule.id == schedule_id).with_for_update())
    if row is None:
        raise NotFound(_("There is no schedule %(id)s.", id=schedule_id))
    if if_version is not None and row.version != if_version:
        raise Stale(
            _("Somebody else changed this schedule: it is at version %(n)s. Nothing was done.", n=row.version)
        )
    return row


def touched(row: Schedule, by: str | None, now: datetime) -> None:
    """Count a change of the definition."""
    row.version += 1
    row.updated_at, row.updated_by = now, by


def start(row: Any, now: datetime) -> None:
    """Put a new, re-timed or newly enabled row to its first fire from now on; others to none.

    One that has no fire any more disables itself, as beat would disable it. It may be anything that has
    the columns.
    """
    row.next_due_at = row.next_run_at = None
    if not row.enabled or row.retired_at is not None:
        return
    row.next_due_at = timing.first_fire(timing_of(row, row.id), now)
    if row.next_due_at is None:
        row.enabled, row.disabled_at, row.disabled_by = False, now, None
        return
    retime(row)
    row.failures, row.last_error, row.last_error_at = 0, None, None


def retime(row: Any) -> None:
    """Work out again when the next fire is sent: the jitter may have changed."""
    if row.next_due_at is not None:
        row.next_run_at = timing.actual_at(timing_of(row, row.id), row.next_due_at)


def free_name(base: str) -> str:
    """The name, or with the lowest number behind it that makes it free: "Report", "Report 2", …"""
    number, name = 1, base[:NAME_LENGTH]
    while db.session.scalar(select(Schedule.id).where(Schedule.name == name)) is not None:
        number += 1
        suffix = f" {number}"
        name = base[: NAME_LENGTH - len(suffix)] + suffix
    return name


def announce() -> None:
    """After the commit: pages show it, beats act on it."""
    client = broker.client()
    topics.touch(client, ["schedules"])
    wakeups.wake(client)
