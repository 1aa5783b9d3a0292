"""How many runs ended in the last hours or days, slot by slot, and where failures stand out."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property
from zoneinfo import ZoneInfo

from app import runs
from app.runs import Ended

_HOUR = timedelta(hours=1)
# How far back, and in what steps; five minutes are the finest there is.
SPANS: dict[str, tuple[timedelta, timedelta]] = {
    "1h": (_HOUR, runs.SLOT),
    "6h": (6 * _HOUR, runs.SLOT),
    "24h": (24 * _HOUR, timedelta(minutes=15)),
    "7d": (168 * _HOUR, _HOUR),
}
DEFAULT_SPAN = "6h"
STANDS_OUT = 3  # times the mean of the span
CLUSTER_FROM = 5  # failures; fewer are not worth a word


@dataclass(frozen=True)
class Cluster:
    """Failures that stand out: so many from step `first` to step `last`, both included."""

    first: int
    last: int
    failed: int


@dataclass(frozen=True)
class Throughput:
    """The runs that ended, step by step from `from_at`, oldest first; the last step is still running."""

    span: str
    from_at: datetime
    step: timedelta
    ended: Sequence[Ended]

    def at(self, index: int) -> datetime:
        """Where a step begins; the one after the last is where the last one ends."""
        return self.from_at + index * self.step

    @cached_property
    def whole(self) -> Ended:
        return Ended(sum(ended.succeeded for ended in self.ended), sum(ended.failed for ended in self.ended))

    @cached_property
    def cluster(self) -> Cluster | None:
        """The neighbouring steps with by far more failures than usual in this span; most have none."""
        usual = STANDS_OUT * self.whole.failed / len(self.ended)
        clusters: list[Cluster] = []
        for index, ended in enumerate(self.ended):
            if ended.failed < 2 or ended.failed <= usual:
                continue
            if clusters and clusters[-1].last == index - 1:
                clusters[-1] = Cluster(clusters[-1].first, index, clusters[-1].failed + ended.failed)
            else:
                clusters.append(Cluster(index, index, ended.failed))
        largest = max(clusters, key=lambda cluster: cluster.failed, default=None)
        return largest if largest and largest.failed >= CLUSTER_FROM else None


def throughput(span: str, now: datetime, zone: ZoneInfo) -> Throughput:
    """The runs of one of `SPANS` until now, in steps of the viewer's clock. Raises KeyError for another."""
    length, step = SPANS[span]
    offset = now.astimezone(zone).utcoffset() or timedelta()
    past = (now - datetime.fromtimestamp(0, now.tzinfo) + offset) % step
    from_at = now - past + step - length
    return Throughput(span, from_at, step, runs.ended_by(from_at, step, length // step))
