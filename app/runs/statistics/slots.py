"""How many runs of all tasks ended, in slots of five minutes of the last eight days."""

from datetime import datetime, timedelta
from typing import NamedTuple

from sqlalchemy import BigInteger, Select, bindparam, cast, extract, func, select

from app.extensions import db
from app.runs.statistics.models import RunSlot

SLOT = timedelta(minutes=5)


class Ended(NamedTuple):
    """How many runs ended so; those that ended in other ways (revoked, expired, …) are not among them."""

    succeeded: int = 0
    failed: int = 0

    @property
    def failed_share(self) -> float | None:
        """The share (0 to 1) of those that failed; None when no run ended."""
        total = self.succeeded + self.failed
        return self.failed / total if total else None


def slot_of(moment: datetime) -> datetime:
    """The beginning of the slot that a moment (UTC) lies in."""
    return moment.replace(minute=moment.minute - moment.minute % 5, second=0, microsecond=0)


def _ended_by() -> Select[int, int, int]:
    """The runs that ended, from `from_at` until `until_at`, by the beginning of their steps after `start`."""
    since = cast(extract("epoch", RunSlot.slot_at), BigInteger) - bindparam("start", type_=BigInteger)
    after = (since - since % bindparam("seconds", type_=BigInteger)).label("after")
    query = select(after, func.sum(RunSlot.succeeded), func.sum(RunSlot.failed)).group_by("after")
    return query.where(RunSlot.slot_at >= bindparam("from_at"), RunSlot.slot_at < bindparam("until_at"))


_ENDED_BY = _ended_by()


def ended_by(from_at: datetime, step: timedelta, number: int) -> list[Ended]:
    """The runs that ended in so many steps from `from_at`, the beginning of a slot; steps are whole slots.

    The database adds the slots up: a week has two thousand.
    """
    seconds = int(step.total_seconds())
    span = {"from_at": from_at, "until_at": from_at + number * step}
    steps = {"start": int(from_at.timestamp()), "seconds": seconds}
    slots = [Ended()] * number
    for offset, succeeded, failed in db.session.execute(_ENDED_BY, span | steps):
        slots[offset // seconds] = Ended(int(succeeded), int(failed))
    return slots


def counted_from() -> datetime | None:
    """The oldest slot that has runs; None when none was ever counted."""
    return db.session.scalar(select(func.min(RunSlot.slot_at)))
