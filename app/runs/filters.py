"""Which runs are meant: the filter, the index that leads to them best, and what is left to check."""

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Select, String, and_, cast, func, or_, select, text, tuple_, union_all
from sqlalchemy.orm import InstrumentedAttribute
from sqlalchemy.sql.selectable import NamedFromClause

from app.runs import states
from app.runs.models import IS_FAILED, Run

Place = tuple[datetime, str]
Column = InstrumentedAttribute[Any]

WORDS_MAX = 10
_ID_START = re.compile(r"[0-9a-f][0-9a-f-]{7,35}")
_CLASS = re.compile(r"[\w.]{1,100}")


@dataclass(frozen=True)
class Filter:
    """Which runs; empty fields let every run through.

    `min_seconds` and `max_seconds` are bounds of how long a run worked, both included. `error` is the kind
    of a failure (`kind_of`).
    """

    state: Sequence[str] = ()
    task_name: str | None = None
    queue: str | None = None
    worker: str | None = None
    schedule_id: int | None = None
    requested_by: str | None = None
    since: datetime | None = None
    until: datetime | None = None
    min_seconds: float | None = None
    max_seconds: float | None = None
    error: str | None = None
    q: str | None = None

    @property
    def narrowed(self) -> bool:
        """Whether it asks for more than states and a time."""
        return replace(self, state=(), since=None, until=None) != Filter()


@dataclass(frozen=True)
class Lead:
    """An index that leads to the runs, newest first: one branch for each value that is asked for.

    `covers` is the field that need not be checked any more.
    """

    covers: str
    branches: Sequence[ColumnElement[bool] | None] = field(default_factory=lambda: [None])


def leads(wanted: Filter) -> list[Lead]:
    """The indexes that can lead to the runs; the one of time alone when there is no other."""
    found = [
        Lead(name, [getattr(Run, name) == value])
        for name in ("schedule_id", "requested_by", "worker", "task_name", "queue")
        if (value := getattr(wanted, name))
    ]
    if wanted.state:
        found.append(Lead("state", [Run.state == state for state in dict.fromkeys(wanted.state)]))
    fails = bool(wanted.state) and set(wanted.state) <= set(states.FAILED)
    if (fails or wanted.error) and (wanted.task_name or not fails):
        found.append(_failed(wanted.task_name))
    return found or [Lead("created_at")]


def _failed(task_name: str | None) -> Lead:
    """Failures are few among many runs: one task's have an index of their own."""
    if task_name is None:
        return Lead("", [Run.state == state for state in states.FAILED])
    return Lead("task_name", [and_(Run.task_name == task_name, text(IS_FAILED))])


def looked_at(
    wanted: Filter, lead: Lead, size: int, after: Place | None, columns: Sequence[Column]
) -> NamedFromClause:
    """The newest `size` runs a lead leads to, older than `after`: the rows that are checked for the rest.

    The limit is a fence: no database moves a condition through it, so none takes another index instead.
    """
    wanted_columns = list(dict.fromkeys((Run.id, Run.created_at, *columns)))
    parts: list[Select[Any]] = []
    for branch in lead.branches:
        part = select(*wanted_columns).where(*_time(wanted))
        if branch is not None:
            part = part.where(branch)
        if after:
            part = part.where(tuple_(Run.created_at, Run.id) < tuple_(*after))
        parts.append(part.order_by(Run.created_at.desc(), Run.id.desc()).limit(size))
    if len(parts) == 1:
        return parts[0].subquery("looked")
    either = union_all(*(select(part.subquery()) for part in parts)).subquery()
    merged = select(either).order_by(either.c.created_at.desc(), either.c.id.desc()).limit(size)
    return merged.subquery("looked")


def rest_columns(wanted: Filter, lead: Lead) -> list[Column]:
    """The columns that `rest` reads."""
    columns: list[Column] = [
        getattr(Run, name)
        for name in ("schedule_id", "requested_by", "worker", "task_name", "queue", "state")
        if getattr(wanted, name) and name != lead.covers
    ]
    if wanted.min_seconds is not None or wanted.max_seconds is not None:
        columns.append(Run.runtime_seconds)
    if wanted.error:
        columns += [Run.state, Run.error]
    if wanted.q:
        columns += [Run.task_name, Run.error, Run.args, Run.kwargs]
    return columns


def rest(wanted: Filter, lead: Lead, row: Any) -> list[ColumnElement[bool]]:
    """What is left to check of a row that a lead led to; `row` has the columns of `rest_columns`."""
    left: list[ColumnElement[bool]] = [
        getattr(row, name) == value
        for name in ("schedule_id", "requested_by", "worker", "task_name", "queue")
        if (value := getattr(wanted, name)) and name != lead.covers
    ]
    if wanted.state and lead.covers != "state":
        left.append(row.state.in_(wanted.state))
    if wanted.min_seconds is not None:
        left.append(row.runtime_seconds >= wanted.min_seconds)
    if wanted.max_seconds is not None:
        left.append(row.runtime_seconds <= wanted.max_seconds)
    if wanted.error:
        left += [row.state.in_(states.FAILED), _is_of_kind(row.error, wanted.error)]
    if wanted.q:
        left.append(_text_matches(row, wanted.q))
    return left


def every_condition(wanted: Filter) -> list[ColumnElement[bool]]:
    """The whole filter as conditions on the table, for a few known rows."""
    return [*_time(wanted), *rest(wanted, Lead(""), Run)]


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


def _time(wanted: Filter) -> list[ColumnElement[bool]]:
    bounds: list[ColumnElement[bool]] = []
    if wanted.since:
        bounds.append(Run.created_at >= wanted.since)
    if wanted.until:
        bounds.append(Run.created_at < wanted.until)
    return bounds


def _is_of_kind(error: Any, kind: str) -> ColumnElement[bool]:
    """Whether an error line is of a kind; a class is followed by its message, or stands alone."""
    starts = func.substr(error, 1, len(kind)) == kind
    if not _CLASS.fullmatch(kind):
        return starts
    follows = func.substr(error, len(kind) + 1, 1)
    return and_(starts, follows.in_(("", ":", "(", " ", "\n")))


def _text_matches(row: Any, typed: str) -> ColumnElement[bool]:
    """Every word is somewhere in the task's name, the id, the arguments or the error."""
    return and_(*(_word_matches(row, word) for word in typed.split()[:WORDS_MAX]))


def _word_matches(row: Any, word: str) -> ColumnElement[bool]:
    places = [row.task_name, row.id, row.error, cast(row.args, String), cast(row.kwargs, String)]
    found = [place.icontains(word, autoescape=True) for place in places]
    as_kept = json.dumps(word)[1:-1]  # arguments are kept as JSON: ü as \u00fc, a quote as \"
    if as_kept != word:
        found += [place.icontains(as_kept, autoescape=True) for place in places[3:]]
    return or_(*found)
