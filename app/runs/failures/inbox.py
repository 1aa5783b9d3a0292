"""Kinds of failures as a list of what is to be done: open, resolved, ignored."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from sqlalchemy import Select, and_, case, func, or_, select, true, tuple_

from app import app_names, lists
from app.errors import NotFound
from app.extensions import db, transaction
from app.lists.fields import Choice, QueryMoment, Text
from app.runs.failures import groups
from app.runs.failures.models import (
    IGNORED,
    KEY,
    OPEN,
    RESOLVED,
    STATES,
    FailureChange,
    FailureKind,
    Key,
    is_in,
    is_one_of,
)

ALL = "all"
ORDERS = ("last", "failures")
KEPT = timedelta(days=400)
LOOKED_BACK = timedelta(days=7)  # for what was made good by running it again
_ID_MAX = 2**63 - 1
_BY_LAST = lists.Cursor(datetime, int, most=_ID_MAX)
_BY_NUMBER = lists.Cursor(int, int, most=_ID_MAX)
_STATE = "How the kind stands; all: however it does."
_ORDER = "By the last failure, newest first, or by the number of failures, most first."


@dataclass(frozen=True)
class FailureFilter(lists.Filter):
    """Which kinds of failures, as they stand at the moment `at`."""

    state: str = lists.of(Choice((*STATES, ALL), metadata={"description": _STATE}), _l("State"), OPEN)
    app: str | None = lists.of(Text(metadata={"description": app_names.WHOSE_TASK}), _l("App"))
    task_name: str | None = lists.of(Text(), _l("Task"))
    owner: str | None = lists.of(Text(), _l("Owner"))
    since: datetime | None = lists.of(
        QueryMoment(metadata={"description": "Failed at this moment or later."}), _l("Since")
    )
    q: str | None = lists.of(
        Text(metadata={"description": "Words to find in task, error and note."}), _l("Text")
    )
    order: str = lists.of(Choice(ORDERS, metadata={"description": _ORDER}), _l("Order"), "last")
    at: datetime | None = None

    @property
    def moment(self) -> datetime:
        if self.at is None:
            raise ValueError("as they stand at which moment?")
        return self.at


def matching(criteria: FailureFilter) -> Select[FailureKind]:
    """The kinds that a filter lets through, in no order."""
    query = select(FailureKind)
    if criteria.state != ALL:
        query = query.where(is_in(criteria.state, criteria.moment))
    for name in ("app", "task_name", "owner"):
        if value := getattr(criteria, name):
            query = query.where(getattr(FailureKind, name) == value)
    if criteria.since:
        query = query.where(FailureKind.last_at >= criteria.since)
    return query.where(_text_matches(criteria.q)) if criteria.q else query


def page(
    criteria: FailureFilter, limit: int = lists.LIMIT_DEFAULT, cursor: str | None = None
) -> lists.Page[FailureKind]:
    """Kinds that match, in the filter's order, by keyset; raises `Invalid` for a bad cursor."""
    first, cursors = (
        (FailureKind.last_at, _BY_LAST) if criteria.order == "last" else (FailureKind.failures, _BY_NUMBER)
    )
    query = matching(criteria).order_by(first.desc(), FailureKind.id.desc())
    if cursor:
        query = query.where(tuple_(first, FailureKind.id) < tuple_(*cursors.read(cursor)))
    rows = db.session.scalars(query.limit(limit + 1)).all()
    return lists.Page.of(rows, limit, lambda row: cursors.write(getattr(row, first.key), row.id))


def counts(criteria: FailureFilter) -> dict[str, int]:
    """How many kinds stand how, of those that the rest of the filter lets through."""
    now = criteria.moment
    state = case((is_in(IGNORED, now), IGNORED), (is_in(OPEN, now), OPEN), else_=RESOLVED)
    matching_kinds = matching(replace(criteria, state=ALL)).with_only_columns(state.label("state")).subquery()
    rows = db.session.execute(select(matching_kinds.c.state, func.count()).group_by(matching_kinds.c.state))
    numbers = dict.fromkeys(STATES, 0) | {name: int(number) for name, number in rows}
    return numbers | {ALL: sum(numbers.values())}


def open_count(since: datetime, now: datetime) -> int:
    """How many open kinds failed since a time: for every page."""
    wanted = matching(FailureFilter(since=since, at=now)).with_only_columns(func.count())
    return int(db.session.scalar(wanted) or 0)


def get(kind_id: int) -> FailureKind:
    """One kind; raises `NotFound`."""
    row = db.session.get(FailureKind, kind_id) if 0 < kind_id <= _ID_MAX else None
    if row is None:
        raise NotFound(_("There is no such kind of failure."))
    return row


def ids(criteria: FailureFilter, most: int) -> list[int]:
    """The ids of the kinds that match, those that failed last first."""
    query = matching(criteria).with_only_columns(FailureKind.id)
    return list(db.session.scalars(query.order_by(FailureKind.last_at.desc()).limit(most)))


def of_ids(kind_ids: Sequence[int]) -> list[FailureKind]:
    """The kinds of these ids that there are, those that failed last first."""
    query = select(FailureKind).where(FailureKind.id.in_(kind_ids))
    return list(db.session.scalars(query.order_by(FailureKind.last_at.desc(), FailureKind.id.desc())))


def owners(most: int, *more: str) -> list[str]:
    """Who owns any kind, and some more names, in order."""
    query = select(FailureKind.owner).where(FailureKind.owner.is_not(None)).distinct().limit(most)
    return sorted({*more, *(name for name in db.session.scalars(query) if name)})


def changes_of(kind_id: int, most: int = 200) -> Sequence[FailureChange]:
    """What was done to a kind, the newest first."""
    query = select(FailureChange).where(FailureChange.kind_id == kind_id)
    return db.session.scalars(query.order_by(FailureChange.id.desc()).limit(most)).all()


def locked(*conditions: Any) -> list[FailureKind]:
    """Kinds, locked until the end of the caller's `transaction()`, in the order in which all lock them."""
    order: list[Any] = [getattr(FailureKind, name) for name in KEY]
    if db.session.connection().dialect.name == "postgresql":
        order = [column.collate("C") for column in order]  # as Python sorts: so the recorder locks them
    query = select(FailureKind).where(*conditions).order_by(*order).with_for_update()
    return list(db.session.scalars(query.execution_options(populate_existing=True)))


def locked_keys(keys: Mapping[Key, Any]) -> list[FailureKind]:
    """The same for kinds by their keys."""
    return locked(is_one_of(keys)) if keys else []


def settle(now: datetime) -> int:
    """Let kinds of which every failure was made good leave the list until they fail anew.

    Returns how many did.
    """
    done = groups.made_good(now - LOOKED_BACK, now)
    if not done:
        return 0
    unsettled = select(func.count()).where(is_one_of(done), is_in(OPEN, now))
    if not db.session.scalar(unsettled):
        return 0
    count = 0
    with transaction():
        for row in locked_keys(done):
            if not row.made_good and row.last_at <= done[row.key]:
                row.made_good_at = done[row.key]
                count += 1
    return count


def forget_before(now: datetime) -> int:
    """Delete kinds that nobody has touched and that have not failed for 400 days; returns how many."""
    with transaction():
        untouched = (FailureKind.state == OPEN, FailureKind.owner.is_(None), FailureKind.note.is_(None))
        old = locked(FailureKind.last_at < now - KEPT, *untouched)
        for row in old:
            db.session.delete(row)
    return len(old)


def _text_matches(text: str) -> Any:
    columns = (FailureKind.task_name, FailureKind.kind, FailureKind.error, FailureKind.note)
    words = text.split()[:10]
    return and_(
        true(), *(or_(*(column.icontains(word, autoescape=True) for column in columns)) for word in words)
    )
