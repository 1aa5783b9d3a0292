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
class Tick:
    """A line across a chart or a word at it, at so many percent; phones leave out a `minor` one."""

    at: float
    label: str
    minor: bool = False
    strong: bool = False


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
    step = next(power * factor for factor in (1, 2, 5, 10) if power * factor >= least)
    return _axis(largest, step)


def time_axis(largest_seconds: float, most: int = 4) -> Axis:
    """An axis for durations in seconds: steps that clocks know, whole days beyond."""
    least = largest_seconds / most
    step = next((step for step in _TIME_STEPS if step >= least), 86400.0 * math.ceil(least / 86400))
    return _axis(largest_seconds, step)


def _axis(largest: float, step: float) -> Axis:
    steps = max(1, math.ceil(round(largest / step, 9)))
    return Axis([step * number for number in range(steps + 1)])


@dataclass(frozen=True)
class Sparkline:
    """A line, the area below it (both as path data) and its last point, in a drawing of this size."""

    width: int
    height: int
    line: str
    area: str
    last: tuple[float, float]


def sparkline(
    points: Sequence[tuple[float, float]], from_x: float, gap: float, width: int = 108, height: int = 32
) -> Sparkline:
    """A small line of values from `from_x` to the last point, 0 at the bottom and the largest near the top.

    It breaks where two points are more than `gap` apart. There is one point at least.
    """
    edge = 3  # room for the stroke and the dot
    until, largest = points[-1][0], max(1.0, *(value for _x, value in points))

    def scaled(point: tuple[float, float]) -> tuple[float, float]:
        across = (point[0] - from_x) / (until - from_x) if until > from_x else 1.0
        x = edge + (width - 2 * edge) * min(max(across, 0.0), 1.0)
        return round(x, 1), round(height - edge - (height - 2 * edge) * point[1] / largest, 1)

    pieces: list[list[tuple[float, float]]] = []
    for before, point in zip([None, *points], points, strict=False):
        if before is None or point[0] - before[0] > gap:
            pieces.append([])
        pieces[-1].append(scaled(point))
    drawn = ["L".join(f"{x:g} {y:g}" for x, y in piece) for piece in pieces]
    bottom = height - edge
    areas = [
        f"M{piece[0][0]:g} {bottom}L{path}L{piece[-1][0]:g} {bottom}Z"
        for piece, path in zip(pieces, drawn, strict=True)
        if len(piece) > 1
    ]
    return Sparkline(width, height, "".join(f"M{path}" for path in drawn), "".join(areas), pieces[-1][-1])
