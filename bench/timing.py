"""Times of many like requests, and the line that shows them.

CPU and instructions are those of the process that measures, without a server besides. A busy machine adds to
the times, also of CPU, not to the instructions.
"""

import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from bench.instructions import Instructions

TITLES = f"{'':12} {'milliseconds of':40} {'p50':>8} {'p95':>8} {'max':>8} {'CPU p50':>8} {'M instr.':>8}"


_COUNTED = Instructions()


@dataclass
class Times:
    """Seconds that each request took; `limit_ms` is what the 95th percentile should stay below."""

    name: str
    limit_ms: float | None = None
    seconds: list[float] = field(default_factory=list)
    cpu_seconds: list[float] = field(default_factory=list)
    instructions: list[int] = field(default_factory=list)

    def take(self, request: Callable[[], None]) -> None:
        before, started, cpu_started = _COUNTED.read(), time.perf_counter(), time.process_time()
        request()
        self.seconds.append(time.perf_counter() - started)
        self.cpu_seconds.append(time.process_time() - cpu_started)
        if before is not None and (after := _COUNTED.read()) is not None:
            self.instructions.append(after - before)

    @property
    def p50(self) -> float:
        """Milliseconds."""
        return statistics.median(self.seconds) * 1000

    @property
    def p95(self) -> float:
        """Milliseconds."""
        return statistics.quantiles(self.seconds, n=20, method="inclusive")[18] * 1000

    @property
    def is_over(self) -> bool:
        return self.limit_ms is not None and self.p95 >= self.limit_ms

    def line(self, where: str) -> str:
        figures = [self.p50, self.p95, max(self.seconds) * 1000, statistics.median(self.cpu_seconds) * 1000]
        if self.instructions:
            figures.append(statistics.median(self.instructions) / 1e6)
        over = f"  over {self.limit_ms:.0f}" if self.is_over else ""
        return f"{where:12} {self.name:40} " + " ".join(f"{one:8.1f}" for one in figures) + over
