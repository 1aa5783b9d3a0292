"""Schedules are switched on and off, one or many, with a note that says why."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from flask_babel import gettext as _

from app.errors import CeleriacError, Conflict, Invalid
from app.schedules import rows
from app.schedules.edits import change, changing, delete, undelete
from app.schedules.models import Schedule
from app.schedules.validation import NOTE_LENGTH

BULK_MAX = 500  # each is a change of its own, and somebody waits for all of them


@dataclass(frozen=True)
class Outcome:
    """What happened to one schedule of many; `problem` says why nothing did."""

    id: int
    name: str = ""
    problem: str = ""

    @property
    def done(self) -> bool:
        return not self.problem


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


def enable_many(ids: Sequence[int], by: str | None, now: datetime) -> list[Outcome]:
    """`enable` for each; what cannot be done is said, the others are done. At most 500."""
    return each(ids, lambda schedule_id: enable(schedule_id, by, now).name)


def disable_many(ids: Sequence[int], by: str | None, now: datetime, note: str = "") -> list[Outcome]:
    """`disable` for each; what cannot be done is said, the others are done. At most 500."""
    return each(ids, lambda schedule_id: disable(schedule_id, by, now, note).name)


def delete_many(ids: Sequence[int], by: str | None, now: datetime) -> list[Outcome]:
    """`delete` for each; what cannot be done is said, the others are done. At most 500."""
    return each(ids, lambda schedule_id: delete(schedule_id, by, now))


def undelete_many(ids: Sequence[int], by: str | None, now: datetime) -> list[Outcome]:
    """`undelete` for each: the undo of `delete_many`."""
    return each(ids, lambda schedule_id: undelete(schedule_id, by, now).name)


def each(ids: Sequence[int], act: Callable[[int], str]) -> list[Outcome]:
    """Do something with each schedule, which returns its name; an error of one does not stop the others."""
    if len(ids) > BULK_MAX:
        raise Invalid({"ids": [_("At most %(n)s schedules at once.", n=BULK_MAX)]})
    outcomes = []
    for schedule_id in dict.fromkeys(ids):
        try:
            outcomes.append(Outcome(schedule_id, act(schedule_id)))
        except CeleriacError as error:
            outcomes.append(Outcome(schedule_id, problem=error.detail))
    return outcomes


def _checked(note: str) -> str:
    note = note.strip()
    if len(note) > NOTE_LENGTH or "\x00" in note:
        raise Invalid({"note": [_("A note has at most %(n)s characters.", n=NOTE_LENGTH)]})
    return note
