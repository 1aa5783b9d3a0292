"""Counts of durations in buckets that each reach a tenth further than the one before; pure.

They can be added up over any span of time, and a percentile read from them is within 5 % of the true one.
"""

import math
from collections.abc import Iterable, Mapping

# Bucket → how many. The keys are text, as JSON has them.
Histogram = dict[str, int]

SMALLEST_SECONDS = 0.001
RATIO = 1.1


def bucket(seconds: float) -> str:
    """The bucket of a duration: "0" up to a millisecond, bucket n up to 1.1 ** n milliseconds."""
    if seconds <= SMALLEST_SECONDS:
        return "0"
    return str(math.ceil(round(math.log(seconds / SMALLEST_SECONDS, RATIO), 9)))


def merged(histograms: Iterable[Mapping[str, int]]) -> Histogram:
    """All of them as one."""
    sums: Histogram = {}
    for histogram in histograms:
        for name, number in histogram.items():
            sums[name] = sums.get(name, 0) + number
    return sums


def size(histogram: Mapping[str, int]) -> int:
    """How many durations were counted."""
    return sum(histogram.values())


def percentile(histogram: Mapping[str, int], share: float) -> float | None:
    """The seconds that `share` (0 to 1) of the durations do not exceed; None when none was counted."""
    total = size(histogram)
    if not total:
        return None
    rank, passed = max(1.0, share * total), 0
    for name in sorted(histogram, key=int):
        passed += histogram[name]
        if passed >= rank:
            return _middle(int(name))
    raise AssertionError("the rank is never above the total")


def _middle(number: int) -> float:
    """The geometric middle of a bucket, in seconds."""
    if number == 0:
        return SMALLEST_SECONDS / 2
    return float(SMALLEST_SECONDS * RATIO ** (number - 0.5))
