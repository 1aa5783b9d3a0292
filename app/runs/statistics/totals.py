"""Counts of runs since the beginning, by app, task and queue, which only grow: what Prometheus reads.

They are added to in the transaction that changes the run, so each is counted once whatever is killed.
"""

from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cache
from operator import itemgetter
from typing import Any, NamedTuple, cast

from sqlalchemy import Table, select

from app.extensions import db, insert_into
from app.runs import states
from app.runs.statistics.models import RunTotal
from celeriac_agent.settings import OWN_APP

SENT, STARTED, RETRIED = "sent", "started", "retried"  # beside these the states in which runs end
RUN_TIME, WAIT = "run", "wait"
BOUNDS = (0.01, 0.05, 0.1, 0.5, 1.0, 5.0, 10.0, 30.0, 60.0, 300.0, 1800.0, 3600.0)  # seconds
SHOWN_AT_MOST = 1000

_TABLE = cast(Table, RunTotal.__table__)

_KEY = ("app", "task_name", "queue", "name")
Name = tuple[str, str, str, str]  # app, task, queue, what is counted
Numbers = Counter[Name]  # of fractions too: seconds are summed


class Progress(NamedTuple):
    """How often a run was sent, started and tried again so far."""

    sent: int = 0
    started: int = 0
    retried: int = 0

    @classmethod
    def of(cls, run: Mapping[str, Any]) -> "Progress":
        """Of the columns of a row: attempts before the present one were all started and tried again."""
        earlier = run["attempt"]
        return cls(
            int(run["sent_at"] is not None),
            earlier + (run["started_at"] is not None),
            earlier + (run["state"] == states.RETRY),
        )


NONE_YET = Progress()


@dataclass(frozen=True)
class Durations:
    """Seconds by bucket: `counts` has how many were at most each of `BOUNDS`, and last those above all."""

    counts: list[int] = field(default_factory=lambda: [0] * (len(BOUNDS) + 1))
    seconds: float = 0.0


@dataclass(frozen=True)
class TaskTotals:
    """The totals of one app's task in one queue; `counts` by what is counted."""

    app: str
    task_name: str
    queue: str
    counts: Mapping[str, int]
    run_time: Durations
    wait: Durations


def add_moved(numbers: Numbers, run: Mapping[str, Any], before: Progress) -> None:
    """Add what a change of a row adds."""
    after = Progress.of(run)
    if after != before:
        counted_for = whose(run)
        for name, now, then in zip((SENT, STARTED, RETRIED), after, before, strict=True):
            if now > then:
                numbers[*counted_for, name] += now - then


def add_ended(
    numbers: Numbers, run: Mapping[str, Any], run_seconds: float | None, waited: float | None
) -> None:
    """Add what the end of a run adds."""
    counted_for = whose(run)
    numbers[*counted_for, run["state"]] += 1
    for name, seconds in ((RUN_TIME, run_seconds), (WAIT, waited)):
        if seconds is not None:
            numbers[*counted_for, f"{name}:{bisect_left(BOUNDS, seconds)}"] += 1
            numbers[*counted_for, f"{name}:seconds"] += seconds  # type: ignore[assignment]


def add(numbers: Mapping[Name, float]) -> None:
    """Add to the totals inside the caller's transaction, at its end: many share these rows."""
    if not numbers:
        return
    connection = db.session.connection()
    rows = [dict(zip(_KEY, name, strict=True)) | {"number": numbers[name]} for name in sorted(numbers)]
    connection.execute(_adding(connection.dialect.name), rows)


def add_made(runs: Iterable[Mapping[str, Any]]) -> None:
    """Count fires that became no run."""
    add(
        Counter(
            (*whose(run), run["state"]) for run in runs if run["state"] in (states.MISSED, states.SKIPPED)
        )
    )


def totals() -> list[TaskTotals]:
    """The totals by app, task and queue; beyond 1,000 those with the fewest runs are left out."""
    by_whose: dict[tuple[str, str, str], dict[str, float]] = {}
    for app, task_name, queue, name, number in db.session.execute(select(_TABLE)):
        by_whose.setdefault((app, task_name, queue), {})[name] = number
    kept = sorted(by_whose.items(), key=lambda item: (-_runs(item[1]), item[0]))[:SHOWN_AT_MOST]
    return [_read(*whose, numbers) for whose, numbers in sorted(kept, key=itemgetter(0))]


def whose(run: Mapping[str, Any]) -> tuple[str, str, str]:
    """The app, task and queue that a run counts for."""
    return run["app"] or OWN_APP, run["task_name"], run["queue"] or ""


def _runs(numbers: Mapping[str, float]) -> float:
    return sum(numbers.get(state, 0) for state in states.FINISHED)


def _read(app: str, task_name: str, queue: str, numbers: Mapping[str, float]) -> TaskTotals:
    counts = {name: int(number) for name, number in numbers.items() if ":" not in name}
    durations = _durations(numbers, RUN_TIME), _durations(numbers, WAIT)
    return TaskTotals(app, task_name, queue, counts, *durations)


def _durations(numbers: Mapping[str, float], name: str) -> Durations:
    counts = [int(numbers.get(f"{name}:{index}", 0)) for index in range(len(BOUNDS) + 1)]
    return Durations(counts, numbers.get(f"{name}:seconds", 0.0))


@cache
def _adding(dialect: str) -> Any:
    statement = insert_into(dialect, _TABLE)
    added = {"number": _TABLE.c.number + statement.excluded.number}
    return statement.on_conflict_do_update(index_elements=_KEY, set_=added)
