"""Counts of runs since the beginning, by task and queue, which only grow: what Prometheus reads.

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

SENT, STARTED, RETRIED = "sent", "started", "retried"  # beside these the states in which runs end
RUN_TIME, WAIT = "run", "wait"
BOUNDS = (0.01, 0.05, 0.1, 0.5, 1.0, 5.0, 10.0, 30.0, 60.0, 300.0, 1800.0, 3600.0)  # seconds
SHOWN_AT_MOST = 1000

_TABLE = cast(Table, RunTotal.__table__)

Name = tuple[str, str, str]  # task, queue, what is counted
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
    """The totals of one task in one queue; `counts` by what is counted."""

    task_name: str
    queue: str
    counts: Mapping[str, int]
    run_time: Durations
    wait: Durations


def add_moved(numbers: Numbers, run: Mapping[str, Any], before: Progress) -> None:
    """Add what a change of a row adds."""
    after = Progress.of(run)
    if after != before:
        whose = _whose(run)
        for name, now, then in zip((SENT, STARTED, RETRIED), after, before, strict=True):
            if now > then:
                numbers[*whose, name] += now - then


def add_ended(
    numbers: Numbers, run: Mapping[str, Any], run_seconds: float | None, waited: float | None
) -> None:
    """Add what the end of a run adds."""
    whose = _whose(run)
    numbers[*whose, run["state"]] += 1
    for name, seconds in ((RUN_TIME, run_seconds), (WAIT, waited)):
        if seconds is not None:
            numbers[*whose, f"{name}:{bisect_left(BOUNDS, seconds)}"] += 1
            numbers[*whose, f"{name}:seconds"] += seconds  # type: ignore[assignment]


def add(numbers: Mapping[Name, float]) -> None:
    """Add to the totals inside the caller's transaction, at its end: many share these rows."""
    if not numbers:
        return
    connection = db.session.connection()
    rows = [
        {"task_name": task_name, "queue": queue, "name": name, "number": numbers[task_name, queue, name]}
        for task_name, queue, name in sorted(numbers)
    ]
    connection.execute(_adding(connection.dialect.name), rows)


def add_made(runs: Iterable[Mapping[str, Any]]) -> None:
    """Count fires that became no run."""
    add(
        Counter(
            (*_whose(run), run["state"]) for run in runs if run["state"] in (states.MISSED, states.SKIPPED)
        )
    )


def totals() -> list[TaskTotals]:
    """The totals by task and queue, those with the most runs first; beyond 1,000 the rest is left out."""
    by_whose: dict[tuple[str, str], dict[str, float]] = {}
    for task_name, queue, name, number in db.session.execute(select(_TABLE)):
        by_whose.setdefault((task_name, queue), {})[name] = number
    kept = sorted(by_whose.items(), key=lambda item: (-_runs(item[1]), item[0]))[:SHOWN_AT_MOST]
    return [_read(*whose, numbers) for whose, numbers in sorted(kept, key=itemgetter(0))]


def _whose(run: Mapping[str, Any]) -> tuple[str, str]:
    return run["task_name"], run["queue"] or ""


def _runs(numbers: Mapping[str, float]) -> float:
    return sum(numbers.get(state, 0) for state in states.FINISHED)


def _read(task_name: str, queue: str, numbers: Mapping[str, float]) -> TaskTotals:
    counts = {name: int(number) for name, number in numbers.items() if ":" not in name}
    return TaskTotals(task_name, queue, counts, _durations(numbers, RUN_TIME), _durations(numbers, WAIT))


def _durations(numbers: Mapping[str, float], name: str) -> Durations:
    counts = [int(numbers.get(f"{name}:{index}", 0)) for index in range(len(BOUNDS) + 1)]
    return Durations(counts, numbers.get(f"{name}:seconds", 0.0))


@cache
def _adding(dialect: str) -> Any:
    statement = insert_into(dialect, _TABLE)
    added = {"number": _TABLE.c.number + statement.excluded.number}
    return statement.on_conflict_do_update(index_elements=["task_name", "queue", "name"], set_=added)
