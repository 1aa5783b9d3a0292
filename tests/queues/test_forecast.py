"""What estimates are made from, and the estimates."""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from flask import Flask
from hypothesis import given
from hypothesis import strategies as st

from app.extensions import transaction
from app.queues import ServiceRate, estimated_start, seconds_ahead, service_rates
from app.queues.forecast import COUNTED_AT_MOST
from app.runs import Run, states

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)


@dataclass
class Consumer:
    slots: int = 2
    running: list[dict[str, Any]] = field(default_factory=list)
    rates: dict[str, dict[str, Any]] = field(default_factory=dict)
    hostname: str = "w1@host"
    online: bool = True
    taking: bool = True
    queues: list[str] = field(default_factory=lambda: ["default"])


def record(*rows: dict[str, Any]) -> None:
    with transaction() as session:
        for number, row in enumerate(rows):
            at = row.pop("at", NOW - timedelta(minutes=1))
            values = {"task_name": "t", "queue": "default", "state": states.SUCCESS, "ended_at": at} | row
            session.add(Run(id=f"{at.timestamp()}-{number}", created_at=at, updated_at=at, **values))


@pytest.mark.database
def test_means_by_task_and_queue(app: Flask) -> None:
    record(
        {"runtime_seconds": 2.0},
        {"runtime_seconds": 4.0, "state": states.FAILURE},
        {"runtime_seconds": 30.0, "task_name": "slow"},
        {"runtime_seconds": 9.0, "queue": "mail"},
        {"runtime_seconds": None},
        {"runtime_seconds": None, "state": states.PENDING, "ended_at": None},
        {"runtime_seconds": 7.0, "queue": None},
    )
    found = service_rates(NOW)
    assert set(found) == {"default", "mail"}
    assert (found["default"].runs, found["default"].mean_seconds) == (3, 12.0)
    assert found["default"].by_task == {"t": 3.0, "slow": 30.0}
    assert found["default"].seconds_of("never ran") == 12.0
    assert (found["default"].in_per_minute, found["default"].out_per_minute) == (1.0, 0.8)


def test_old_runs_tell_the_pace_but_not_the_rate(app: Flask) -> None:
    record({"runtime_seconds": 5.0, "at": NOW - timedelta(days=3)})
    assert (service_rates(NOW)["default"].mean_seconds, service_rates(NOW)["default"].out_per_minute) == (
        5.0,
        0.0,
    )


def test_a_rush_is_counted_over_the_time_that_the_sample_covers(app: Flask) -> None:
    """More runs in a minute than are looked at: the rate is that minute's, not a fifth of it."""
    record(
        *({"at": NOW - timedelta(seconds=30), "runtime_seconds": 1.0} for _ in range(COUNTED_AT_MOST + 50))
    )
    pace = service_rates(NOW)["default"]
    assert pace.in_per_minute == pytest.approx(2 * COUNTED_AT_MOST)
    assert pace.out_per_minute == pytest.approx(2 * COUNTED_AT_MOST)


PACE = ServiceRate(runs=20, mean_seconds=10.0, by_task={"t": 4.0})
LONG_AND_SHORT = [{"task": "t", "started_at": NOW.timestamp() - before} for before in (99, 3)]


@pytest.mark.parametrize(
    ("pace", "ahead", "consumers", "seconds"),
    [
        (PACE, 0, [Consumer()], 0),
        (PACE, 1, [Consumer()], 0),
        (PACE, 2, [Consumer()], 10),
        (PACE, 2, [Consumer(), Consumer()], 0),
        (PACE, 0, [Consumer(running=[{"task": "t", "started_at": None}] * 2)], 4),
        (PACE, 0, [Consumer(1, [{"task": "t", "started_at": NOW.timestamp() - 3}])], 1),
        (PACE, 0, [Consumer(1, [{"task": "t", "started_at": NOW.timestamp() + 9}])], 4),
        (PACE, 0, [Consumer(1, [{"task": "t", "started_at": NOW.timestamp() - 4}])], 0),
        (PACE, 0, [Consumer(1, [{"task": "t", "started_at": NOW.timestamp() - 5}])], 2),
        (PACE, 0, [Consumer(1, [{"task": "t", "started_at": NOW.timestamp() - 8}])], 8),
        (PACE, 0, [Consumer(1, [{"task": "t", "started_at": NOW.timestamp() - 99}])], 99),
        (PACE, 1, [Consumer(1, [{"task": "t", "started_at": NOW.timestamp() - 99}])], 109),
        (PACE, 0, [Consumer(2, LONG_AND_SHORT)], 1),
        (PACE, 1, [Consumer(2, LONG_AND_SHORT)], 11),
        (PACE, 10, [Consumer(2, LONG_AND_SHORT)], 100),
        (PACE, 0, [Consumer(1, LONG_AND_SHORT)], 99),
        (PACE, 0, [Consumer(0, LONG_AND_SHORT)], None),
        (PACE, 0, [], None),
        (PACE, 0, [Consumer(0)], None),
        (ServiceRate(runs=19, mean_seconds=10.0), 0, [Consumer()], None),
    ],
)
def test_the_likely_start(
    pace: ServiceRate, ahead: int, consumers: list[Consumer], seconds: float | None
) -> None:
    found = estimated_start(pace, ahead, ahead * pace.mean_seconds, consumers, NOW)
    assert found == (None if seconds is None else NOW + timedelta(seconds=seconds))


@given(st.floats(0, 1000), st.floats(0, 1000))
def test_what_runs_longer_than_usual_is_never_said_to_end_at_once(elapsed: float, more: float) -> None:
    """What is left jumps nowhere, and past the usual time it only grows, up to as long again."""

    def left(seconds: float) -> float:
        running = [{"task": "t", "started_at": NOW.timestamp() - seconds}]
        found = estimated_start(PACE, 0, 0.0, [Consumer(1, running)], NOW)
        assert found is not None
        return (found - NOW).total_seconds()

    late = 4.0 + elapsed
    assert left(late) <= left(late + more) + 0.001
    assert left(late) <= late + 0.001
    assert left(late + 4.0) >= late + 4.0 - 0.001
    assert abs(left(elapsed) - left(elapsed + 0.01)) < 0.03


def test_how_long_takes_what_goes_before() -> None:
    assert seconds_ahead(PACE, 0, []) == seconds_ahead(PACE, 0, ["t"]) == 0
    assert seconds_ahead(PACE, 3, ["t", None]) == 4 + 10 + 10
    assert seconds_ahead(PACE, 1, ["t", "t"]) == 4


@given(st.integers(0, 10_000), st.integers(1, 64), st.integers(0, 64))
def test_who_stands_further_back_never_starts_sooner(ahead: int, slots: int, busy: int) -> None:
    running = [{"task": "t", "started_at": None}] * min(busy, slots)
    one, next_one = (
        estimated_start(PACE, n, n * PACE.mean_seconds, [Consumer(slots, running)], NOW)
        for n in (ahead, ahead + 1)
    )
    assert one is not None
    assert next_one is not None
    assert NOW <= one <= next_one
