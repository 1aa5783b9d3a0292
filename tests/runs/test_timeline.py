"""The way of a run as steps and legs."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.runs import states
from app.runs.models import Run
from app.runs.timeline import Leg, Span, Stage, Step, timeline

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)


def run(state: str, **fields: Any) -> Run:
    return Run(
        id="r1",
        task_name="t",
        state=state,
        **{"attempt": 0, "created_at": NOW - timedelta(minutes=5)} | fields,
    )


def ago(**span: float) -> datetime:
    return NOW - timedelta(**span)


def stages(line: list[Step | Leg]) -> list[Stage]:
    return [one.stage for one in line if isinstance(one, Step)]


def spans(line: list[Step | Leg]) -> list[Span]:
    return [one.span for one in line if isinstance(one, Leg)]


def test_waiting() -> None:
    line = timeline(run(states.PENDING, sent_at=ago(seconds=40)), NOW)
    assert stages(line) == [Stage.QUEUED, Stage.NOW, Stage.WILL_START]
    assert spans(line) == [Span.WAITING, Span.TO_COME]
    assert line[1].since == ago(seconds=40)  # type: ignore[union-attr]


def test_scheduled_says_when_it_starts() -> None:
    line = timeline(run(states.SCHEDULED, eta_at=NOW + timedelta(hours=1)), NOW)
    assert line[-1] == Step(Stage.WILL_START, NOW + timedelta(hours=1), states.PENDING, to_come=True)


def test_running() -> None:
    started = run(
        states.PROGRESS, sent_at=ago(seconds=90), received_at=ago(seconds=61), started_at=ago(seconds=60)
    )
    line = timeline(started, NOW)
    assert stages(line) == [Stage.QUEUED, Stage.RECEIVED, Stage.STARTED, Stage.NOW, Stage.WILL_END]
    assert spans(line) == [Span.WAITED, Span.HANDED_OVER, Span.RUNNING, Span.TO_COME]
    assert [one.seconds for one in line if isinstance(one, Leg)] == [29, 1, None, None]


def test_between_two_tries() -> None:
    line = timeline(run(states.RETRY, started_at=ago(seconds=9), ended_at=ago(seconds=4), eta_at=NOW), NOW)
    assert stages(line) == [Stage.QUEUED, Stage.STARTED, Stage.FAILED_TRY, Stage.NEXT_TRY]
    assert spans(line)[-2:] == [Span.RAN, Span.TO_COME]


def test_how_long_it_ran_is_not_said_where_nobody_knows() -> None:
    times = {"sent_at": ago(minutes=4), "started_at": ago(minutes=3), "ended_at": ago(minutes=1)}
    unknown, died = (
        timeline(run(states.LOST, error=f"{kind}: why", **times), NOW)
        for kind in (states.END_NOT_TOLD, "WorkerLost")
    )
    assert stages(unknown) == stages(died) == [Stage.QUEUED, Stage.STARTED, Stage.ENDED]
    assert spans(unknown) == spans(died) == [Span.WAITED, Span.RAN]
    seconds = [line[-2].seconds for line in (unknown, died) if isinstance(line[-2], Leg)]
    assert seconds == [None, 120.0]


def test_a_later_attempt_did_not_wait_all_the_time() -> None:
    line = timeline(run(states.STARTED, attempt=2, started_at=ago(seconds=5)), NOW)
    assert spans(line)[0] == Span.EARLIER_ATTEMPTS


def test_cancelled_before_it_began() -> None:
    line = timeline(run(states.REVOKED, sent_at=ago(seconds=30), ended_at=ago(seconds=10)), NOW)
    assert stages(line) == [Stage.QUEUED, Stage.ENDED]
    assert line[-1].state == states.REVOKED


TIMES = st.none() | st.integers(-600, 600).map(lambda seconds: NOW + timedelta(seconds=seconds))


@pytest.mark.parametrize("state", states.ALL)
@given(
    sent_at=TIMES,
    received_at=TIMES,
    started_at=TIMES,
    ended_at=TIMES,
    eta_at=TIMES,
    attempt=st.integers(0, 3),
)
def test_every_run_has_a_line_of_steps_and_legs_in_turn(state: str, **fields: Any) -> None:
    """Whatever is known of it, in whatever order clocks of several machines put it."""
    line = timeline(run(state, **fields), NOW)
    assert [isinstance(one, Step) for one in line] == [index % 2 == 0 for index in range(len(line))]
    assert len(line) % 2 == 1
    for one in line:
        if isinstance(one, Leg):
            assert 1 <= one.weight <= 4
            assert one.seconds is None or one.seconds >= 0
