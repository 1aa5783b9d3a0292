"""Is it all right, and if not, what? The figures of the start page, from runs, queues and workers."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256

from app import broker, runs, workers
from app.errors import BrokerUnavailable
from app.workers import Worker

WINDOW = timedelta(hours=24)


@dataclass(frozen=True)
class Line:
    """What waits in all queues; `oldest_at` is when the one that waits longest was sent."""

    waiting: int
    queues: int
    held: int
    oldest_at: datetime | None
    oldest_queue: str


@dataclass(frozen=True)
class Summary:
    """`line` and `workers` are None while Redis does not answer."""

    running: Sequence[runs.Run]
    failures: list[runs.FailureGroup]
    line: Line | None
    workers: list[Worker] | None

    @property
    def version(self) -> str:
        """Differs as soon as something that the page shows does; not for a heartbeat alone."""
        told = (
            [(run.id, run.state, run.progress_current) for run in self.running],
            [(group.task_name, group.kind, group.count, group.latest.id) for group in self.failures],
            self.line,
            [
                (one.hostname, one.state, one.slots, len(one.running), one.queues)
                for one in self.workers or []
            ],
            self.workers is None,
        )
        return sha256(repr(told).encode()).hexdigest()[:16]

    @property
    def failed(self) -> int:
        return sum(group.count for group in self.failures)

    @property
    def online(self) -> list[Worker]:
        return [worker for worker in self.workers or [] if worker.online]

    @property
    def longest(self) -> runs.Run | None:
        """The run that has been running for the longest time."""
        started = [run for run in self.running if run.started_at]
        return min(started, key=lambda run: run.started_at or run.created_at, default=None)

    @property
    def busy(self) -> int:
        return sum(min(worker.slots, len(worker.running)) for worker in self.online)

    @property
    def slots(self) -> int:
        return sum(worker.slots for worker in self.online)

    @property
    def silent(self) -> list[Worker]:
        """Workers that are gone without having said goodbye, the longest first."""
        gone = [worker for worker in self.workers or [] if not worker.online]
        return sorted(gone, key=lambda worker: worker.heartbeat_at)


def summary(queues: Sequence[str], now: datetime) -> Summary:
    """The state of the whole deployment at `now`."""
    running = runs.page(runs.Filter(state=runs.RUNNING), limit=runs.LIMIT_MAX).items
    failures = runs.failures_since(now - WINDOW)
    try:
        return Summary(running, failures, _line(queues), workers.listing(broker.client(), now))
    except BrokerUnavailable:
        return Summary(running, failures, None, None)


def _line(queues: Sequence[str]) -> Line:
    depths = broker.depths(queues)
    filled = [name for name, depth in depths.items() if depth.waiting]
    oldest = {name: at for name, at in broker.oldest_sent_at(filled).items() if at}
    first = min(oldest, key=lambda name: oldest[name], default="")
    return Line(
        waiting=sum(depth.waiting for depth in depths.values()),
        queues=len(filled),
        held=sum(depth.held for depth in depths.values()),
        oldest_at=oldest.get(first),
        oldest_queue=first,
    )
