"""Which runs are meant: the filter, the index that access_paths to them best, and what is left to check."""

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from itertools import chain
from typing import Any

import marshmallow as ma
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from marshmallow import fields
from sqlalchemy import ColumnElement, Select, String, and_, cast, func, or_, select, text, tuple_, union_all
from sqlalchemy.orm import InstrumentedAttribute
from sqlalchemy.sql.selectable import NamedFromClause

from app import app_names, lists
from app.lists.fields import INTEGER_MAX, ItemOrList, QueryMoment, Seconds, Text, Whole
from app.runs import states
from app.runs.models import IS_FAILED, Run
from celeriac_agent.settings import OWN_APP

Key = tuple[datetime, str]
Column = InstrumentedAttribute[Any]

WORDS_MAX = 10
_ID_START = re.compile(r"[0-9a-f][0-9a-f-]{7,35}")
_CLASS = re.compile(r"[\w.]{1,100}")
_IS_FAILED = text(IS_FAILED)
_APP = f"The Celery app that runs it; {OWN_APP} for Celeriac's own."
_KIND = "The kind of a failure: its exception's class, or how the error begins when it names none."


# A group's name stands for one or more states; each state's own name works beside it.
GROUPS: dict[str, tuple[str, ...]] = {
    "running": states.RUNNING,
    "waiting": (states.PENDING,),
    "scheduled": (states.SCHEDULED,),
    "received": (states.RECEIVED,),
    "retrying": (states.RETRY,),
    "succeeded": (states.SUCCESS,),
    "failed": states.FAILED,
    "rejected": (states.REJECTED,),
    "cancelled": (states.REVOKED,),
    "expired": (states.EXPIRED,),
    "held": (states.HELD,),
    "missed": (states.MISSED,),
    "skipped": (states.SKIPPED,),
    "ignored": (states.IGNORED,),
}


class StateName(fields.String):
    """A state, or a group of them; read as the states that it means."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> Any:
        known = GROUPS | {state: (state,) for state in states.ALL}
        if value not in known:
            allowed = ", ".join(known)
            raise ma.ValidationError(
                _("There is no state %(value)s; allowed: %(all)s.", value=str(value)[:80], all=allowed)
            )
        return known[value]


class States(ItemOrList):
    """States and groups of them, read as the states that they mean."""

    def __init__(self, **options: Any) -> None:
        super().__init__(StateName(metadata={"enum": [*states.ALL, *GROUPS]}), **options)

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> list[Any]:
        loaded = super()._deserialize(value, attr, data, **kwargs)
        return list(dict.fromkeys(chain.from_iterable(loaded)))


def _doc(text: str) -> dict[str, Any]:
    return {"description": text}


@dataclass(frozen=True)
class RunFilter(lists.Filter):
    """Which runs; what is left out lets every run through."""

    state: Sequence[str] = lists.of(States(), _l("State"), ())
    task_name: str | None = lists.of(Text(), _l("Task"))
    queue: str | None = lists.of(Text(), _l("Queue"))
    worker: str | None = lists.of(Text(), _l("Worker"))
    app: str | None = lists.of(Text(metadata=_doc(_APP)), _l("App"))
    schedule_id: int | None = lists.of(Whole(1, INTEGER_MAX), _l("Schedule"))
    requested_by: str | None = lists.of(Text(), _l("Requested by"))
    since: datetime | None = lists.of(
        QueryMoment(metadata=_doc("Created at this moment or later; of failures alone: failed.")), _l("Since")
    )
    until: datetime | None = lists.of(
        QueryMoment(metadata=_doc("Created before this moment; of failures alone: failed.")), _l("Until")
    )
    min_seconds: float | None = lists.of(Seconds(metadata=_doc("Ran so long or longer.")), _l("At least"))
    max_seconds: float | None = lists.of(Seconds(metadata=_doc("Ran so long or less.")), _l("At most"))
    error: str | None = lists.of(Text(metadata=_doc(_KIND)), _l("Error"))
    q: str | None = lists.of(
        Text(metadata=_doc("Words to find in task, id, arguments and error.")), _l("Text")
    )

    @property
    def of_failures(self) -> bool:
        """Whether it asks for failures alone: these are dated by when they failed."""
        return bool(self.error) or (bool(self.state) and set(self.state) <= set(states.FAILED))

    @property
    def moment(self) -> ColumnElement[datetime]:
        """What dates the runs: what `since` and `until` are about, and what the newest is the newest of."""
        return func.coalesce(Run.ended_at, Run.created_at) if self.of_failures else Run.created_at.expression

    def at(self, run: Run) -> datetime:
        """The moment by which a run is dated."""
        return run.failed_at if self.of_failures else run.created_at

    @property
    def narrowed(self) -> bool:
        """Whether it asks for more than states and a time."""
        return replace(self, state=(), since=None, until=None) != RunFilter()


@dataclass(frozen=True)
class AccessPath:
    """An index that access_paths to the runs, newest first: one branch for each value that is asked for.

    `covers` is the field that need not be checked any more.
    """

    covers: str
    branches: Sequence[ColumnElement[bool] | None] = field(default_factory=lambda: [None])


def access_paths(criteria: RunFilter) -> list[AccessPath]:
    """The indexes that can path to the runs; the one of time alone when there is no other."""
    if criteria.of_failures:  # few among many runs; their indexes alone know when they failed
        names, covers = (states.FAILED, "") if criteria.error else (criteria.state, "state")
        paths = [of_states(names, covers)]
        if criteria.task_name:
            paths.append(AccessPath("task_name", [and_(Run.task_name == criteria.task_name, _IS_FAILED)]))
        return paths
    paths = [
        AccessPath(name, [getattr(Run, name) == value])
        for name in ("schedule_id", "requested_by", "worker", "task_name", "queue", "app")
        if (value := getattr(criteria, name)) and (name, value) != ("app", OWN_APP)
    ]
    if criteria.state:
        paths.append(of_states(criteria.state))
    return paths or [AccessPath("created_at")]


def of_states(names: Sequence[str], covers: str = "state") -> AccessPath:
    """The index of states; failures, few among many runs, have one of their own by when they failed."""
    fail = set(names) <= set(states.FAILED)
    return AccessPath(
        covers,
        [and_(Run.state == name, _IS_FAILED) if fail else Run.state == name for name in dict.fromkeys(names)],
    )


def candidates(
    criteria: RunFilter, path: AccessPath, size: int, after: Key | None, columns: Sequence[Column]
) -> NamedFromClause:
    """The newest `size` runs a path leads to, older than `after`: the rows that are checked for the rest.

    The limit is a fence: no database moves a condition through it, so none takes another index instead.
    """
    moment = criteria.moment
    wanted_columns = [moment.label("at"), *dict.fromkeys((Run.id, *columns))]
    parts: list[Select[Any]] = []
    for branch in path.branches:
        part = select(*wanted_columns).where(*_time(criteria))
        if branch is not None:
            part = part.where(branch)
        if after:
            part = part.where(tuple_(moment, Run.id) < tuple_(*after))
        parts.append(part.order_by(moment.desc(), Run.id.desc()).limit(size))
    if len(parts) == 1:
        return parts[0].subquery("looked")
    either = union_all(*(select(part.subquery()) for part in parts)).subquery()
    merged = select(either).order_by(either.c.at.desc(), either.c.id.desc()).limit(size)
    return merged.subquery("looked")


def residual_columns(criteria: RunFilter, path: AccessPath) -> list[Column]:
    """The columns that `residual` reads."""
    columns: list[Column] = [
        getattr(Run, name)
        for name in ("schedule_id", "requested_by", "worker", "task_name", "queue", "app", "state")
        if getattr(criteria, name) and name != path.covers
    ]
    if criteria.min_seconds is not None or criteria.max_seconds is not None:
        columns.append(Run.runtime_seconds)
    if criteria.error:
        columns += [Run.state, Run.error]
    if criteria.q:
        columns += [Run.task_name, Run.error, Run.args, Run.kwargs]
    return columns


def residual(criteria: RunFilter, path: AccessPath, row: Any) -> list[ColumnElement[bool]]:
    """What is left to check of a row that a path led to; `row` has the columns of `residual_columns`."""
    left: list[ColumnElement[bool]] = [
        app_names.is_of(row.app, value) if name == "app" else getattr(row, name) == value
        for name in ("schedule_id", "requested_by", "worker", "task_name", "queue", "app")
        if (value := getattr(criteria, name)) and name != path.covers
    ]
    if criteria.state and path.covers != "state":
        left.append(row.state.in_(criteria.state))
    if criteria.min_seconds is not None:
        left.append(row.runtime_seconds >= criteria.min_seconds)
    if criteria.max_seconds is not None:
        left.append(row.runtime_seconds <= criteria.max_seconds)
    if criteria.error:
        left += [row.state.in_(states.FAILED), _is_of_kind(row.error, criteria.error)]
    if criteria.q:
        left.append(_text_matches(row, criteria.q))
    return left


def conditions(criteria: RunFilter) -> list[ColumnElement[bool]]:
    """The whole filter as conditions on the table, for a few known rows."""
    return [*_time(criteria), *residual(criteria, AccessPath(""), Run)]


def id_of(typed: str | None) -> ColumnElement[bool] | None:
    """The condition that one word is a run's id, or its first eight letters or more; None for other text."""
    words = (typed or "").split()
    if len(words) != 1 or len(words[0]) > 255:
        return None
    word = words[0]
    if not _ID_START.fullmatch(word.lower()):
        return Run.id == word
    low = word.lower()  # "g" follows every digit of an id
    return or_(Run.id == word, and_(Run.id >= low, Run.id < low + "g"))


def kind_of(error: str) -> str:
    """What puts failures together: the exception's class (KeyError of "KeyError: 1"), else how it begins."""
    name = error.split(":", 1)[0].split("(", 1)[0].strip()
    if _CLASS.fullmatch(name):
        return name
    return error.strip().partition("\n")[0][:80].strip()


def _time(criteria: RunFilter) -> list[ColumnElement[bool]]:
    bounds: list[ColumnElement[bool]] = []
    if criteria.since:
        bounds.append(criteria.moment >= criteria.since)
    if criteria.until:
        bounds.append(criteria.moment < criteria.until)
    return bounds


def _is_of_kind(error: Any, kind: str) -> ColumnElement[bool]:
    """Whether an error line is of a kind; a class is followed by its message, or stands alone."""
    starts = func.substr(error, 1, len(kind)) == kind
    if not _CLASS.fullmatch(kind):
        return starts
    follows = func.substr(error, len(kind) + 1, 1)
    return and_(starts, follows.in_(("", ":", "(", " ", "\n")))


def _text_matches(row: Any, typed: str) -> ColumnElement[bool]:
    """Every word is in the task's name, the id, the arguments or the error; name=value is an argument."""
    return and_(*(_word_matches(row, word) for word in typed.split()[:WORDS_MAX]))


def _word_matches(row: Any, word: str) -> ColumnElement[bool]:
    columns = [row.task_name, row.id, row.error, cast(row.args, String), cast(row.kwargs, String)]
    conditions = [column.icontains(word, autoescape=True) for column in columns]
    name, equals, value = word.partition("=")
    if name and equals:  # an argument by its name, as lists show it: order="A-473"
        written = f"{json.dumps(name)}: "
        texts = [written + start + json.dumps(value.strip('"'))[1:-1] for start in ("", '"')]
        conditions += [columns[4].icontains(text, autoescape=True) for text in texts]
    as_kept = json.dumps(word)[1:-1]  # arguments are kept as JSON: ü as \u00fc, a quote as \"
    if as_kept != word:
        conditions += [column.icontains(as_kept, autoescape=True) for column in columns[3:]]
    return or_(*conditions)
