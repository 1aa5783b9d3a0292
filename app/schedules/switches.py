"""Schedules are switched on and off, with a note that says why; one fire of them is skipped, and restored."""

from datetime import UTC, datetime

from flask_babel import gettext as _

from app.accounts import permits
from app.errors import Conflict, Invalid
from app.schedules import history, rows, timing
from app.schedules.definition import timing_of
from app.schedules.edits import change, changing
from app.schedules.models import Schedule
from app.schedules.validation import NOTE_LENGTH


def enable(
    schedule_id: int, by: str | None, now: datetime, note: str = "", if_version: int | None = None
) -> Schedule:
    """Let a schedule fire from its next slot on; the past is not fired. Nothing happens when it does already.

    Raises `NotFound`, `Stale` and `Conflict` (code "exhausted" or "retired") when it cannot fire any more.
    """

    def work() -> Schedule:
        row = rows.locked(schedule_id, if_version)
        if row.retired_at is not None:
            raise Conflict(_("Its definition has vanished from the code."), code="retired")
        try:
            return change(row, {"enabled": True}, by, now, "enable", _checked(note))
        except Invalid as error:
            if "note" in error.errors:
                raise
            words = " ".join(text for texts in error.errors.values() for text in texts)
            raise Conflict(words, code="exhausted") from None

    return changing(work)


def disable(
    schedule_id: int, by: str | None, now: datetime, note: str = "", if_version: int | None = None
) -> Schedule:
    """Stop a schedule from firing; runs that are sent go on. Raises `NotFound` and `Stale`."""

    def work() -> Schedule:
        row = rows.locked(schedule_id, if_version)
        return change(row, {"enabled": False}, by, now, "disable", _checked(note))

    return changing(work)


def _checked(note: str) -> str:
    note = note.strip()
    if len(note) > NOTE_LENGTH or "\x00" in note:
        raise Invalid({"note": [_("A note has at most %(n)s characters.", n=NOTE_LENGTH)]})
    return note


SKIPS_MAX = 100


def skip(
    schedule_id: int,
    by: str | None,
    now: datetime,
    due_at: datetime | None = None,
    if_version: int | None = None,
) -> Schedule:
    """Leave out the fire due at a (nominal) moment, or the next one that is not left out yet.

    The history will say so. Raises `NotFound`, `Stale`, `Invalid` when nothing is due then, and `Conflict`
    for a schedule that does not fire.
    """

    def work() -> Schedule:
        row = rows.locked(schedule_id, if_version)
        if row.next_due_at is None:
            raise Conflict(_("This schedule does not fire: there is nothing to skip."), code="no-next-fire")
        skips = skipped_moments(row)
        at = _next_unskipped(row, skips) if due_at is None else due_at.astimezone(UTC)
        if at in skips:
            return row
        if at is None or at < row.next_due_at or not timing.is_fire(timing_of(row, row.id), at):
            raise Invalid({"due_at": [_("This schedule does not fire at that moment.")]})
        if len(skips) >= SKIPS_MAX:
            raise Invalid({"due_at": [_("At most %(n)s fires can be skipped ahead.", n=SKIPS_MAX)]})
        _keep(row, [*skips, at])
        rows.touched(row, by, now)
        history.record(row, "skip", by, now, {"skips": [None, at.isoformat()]})
        return row

    return changing(work)


def restore(
    schedule_id: int, due_at: datetime, by: str | None, now: datetime, if_version: int | None = None
) -> Schedule:
    """Let a fire happen that was to be skipped. Raises `NotFound`, `Stale` and `Invalid` when it was not."""

    def work() -> Schedule:
        row = rows.locked(schedule_id, if_version)
        permits.require(row.task_name, row.app, row.args, row.kwargs)
        at, skips = due_at.astimezone(UTC), skipped_moments(row)
        if at not in skips:
            raise Invalid({"due_at": [_("The fire at that moment was not skipped.")]})
        _keep(row, [moment for moment in skips if moment != at])
        rows.touched(row, by, now)
        history.record(row, "restore", by, now, {"skips": [at.isoformat(), None]})
        return row

    return changing(work)


def skipped_moments(row: Schedule) -> list[datetime]:
    """The nominal moments that are left out, earliest first."""
    return sorted(datetime.fromisoformat(text) for text in row.skips or ())


def _keep(row: Schedule, skips: list[datetime]) -> None:
    row.skips = [at.isoformat() for at in sorted(skips)] or None


def _next_unskipped(row: Schedule, skips: list[datetime]) -> datetime | None:
    at = row.next_due_at
    while at is not None and at in skips:
        at = timing.next_fire(timing_of(row, row.id), at)
    return at
