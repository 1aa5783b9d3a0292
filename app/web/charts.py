"""Axes of charts that the server draws as SVG: round steps, and places in percent of the drawing; pure."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

_TIME_STEPS = (
    *(step / 1000 for step in (1, 2, 5, 10, 20, 50, 100, 200, 500)),
    *(1.0, 2.0, 5.0, 10.0, 15.0, 30.0),
    *(60.0 * step for step in (1, 2, 5, 10, 15, 30)),
    *(3600.0 * step for step in (1, 2, 3, 6, 12)),
)


@dataclass(frozen=True)
class Axis:
    """A vertical axis from 0 to `top`, with its `ticks` (the first is 0, the last `top`)."""

    ticks: Sequence[float]

    @property
    def top(self) -> float:
        return self.ticks[-1]

    def y(self, value: float) -> float:
        """Where a value lies: 0 is the upper edge, 100 the lower one."""
        return round(100 - 100 * min(value, self.top) / self.top, 2)

    def height(self, value: float) -> float:
        """How high a bar of this value is, in percent."""
        return round(100 * min(value, self.top) / self.top, 2)


def count_axis(largest: float, most: int = 3) -> Axis:
    """An axis for counts: steps of 1, 2 or 5 times a power of ten, at most `most` of them."""
    least = max(1.0, largest) / most
    power = 10.0 ** math.floor(math.log10(least)) if least > 1 else 1.0
    step = next(power * one for one in (1, 2, 5, 10) if power * one >= least)
    return _axis(largest, step)


def time_axis(largest_seconds: float, most: int = 4) -> Axis:
    """An axis for durations in seconds: steps that clocks know, whole days beyond."""
    least = largest_seconds / most
    step = next((one for one in _TIME_STEPS if one >= least), 86400.0 * math.ceil(least / 86400))
    return _axis(largest_seconds, step)


def _axis(largest: float, step: float) -> Axis:
    steps = max(1, math.ceil(round(largest / step, 9)))
    return Axis([step * one for one in range(steps + 1)])
