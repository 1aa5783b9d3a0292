"""Axes of charts: round steps that reach the largest value."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.web.charts import count_axis, time_axis


@given(st.integers(0, 10**9))
def test_counts_have_whole_round_steps(largest: int) -> None:
    axis = count_axis(largest)
    assert axis.top >= largest
    assert 2 <= len(axis.ticks) <= 4
    step = axis.ticks[1]
    assert step == int(step)
    assert str(int(step)).rstrip("0") in ("1", "2", "5")


@given(st.floats(0.0001, 10_000_000))
def test_times_reach_the_largest_in_few_steps(largest: float) -> None:
    axis = time_axis(largest)
    assert axis.top >= largest * 0.999999
    assert 2 <= len(axis.ticks) <= 5
    assert axis.y(0) == 100
    assert axis.y(axis.top) == 0
    assert 0 <= axis.y(largest) <= 100


@pytest.mark.parametrize(
    ("largest", "ticks"), [(190, [0, 60, 120, 180, 240]), (7, [0, 2, 4, 6, 8]), (0.05, [0, 0.02, 0.04, 0.06])]
)
def test_steps_are_those_of_clocks(largest: float, ticks: list[float]) -> None:
    assert time_axis(largest).ticks == pytest.approx(ticks)
