"""What is to be said of a queue: how much waits, since when, who takes from it, what stands in the way."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache, partial

from app import broker, heartbeats
from app.broker import HoldingNew, Pause
from app.config import settings
from app.heartbeats import Worker
from app.queues import trends
from app.queues.discovery import names, require
from app.queues.forecast import SAMPLED_AHEAD, ServiceRate, estimated_start, seconds_ahead, shared_rates
from app.queues.rates import Rates
from app.queues.trends import Trend


@dataclass(frozen=True)
class Queue:
    """One queue at one moment; `listening` are the online workers that listen to it, paused ones too.

    `service_rates` is only called, and the database only asked, for what estimates and rates are made from;
    `trends` only for how the depth went; `next_tasks`, the tasks of the next hundred runs, for how long they
    take.
    """

    name: str
    description: str
    declared: bool
    waiting: int
    held: int
    by_priority: dict[int, int]
    pause: Pause | None
    holding_new: HoldingNew | None
    listening: list[Worker]
    oldest_at: datetime | None
    service_rates: Callable[[], Mapping[str, ServiceRate]]
    trends: Callable[[], Mapping[str, Trend]]
    next_tasks: Callable[[], Sequence[str | None]]
    at: datetime
    supports_order: bool = True

    @property
    def service_rate(self) -> ServiceRate:
        return self.service_rates().get(self.name, ServiceRate())

    @property
    def trend(self) -> Trend:
        return self.trends()[self.name]

    @property
    def tendency(self) -> str | None:
        """Where it is going: a word of `trends.tendency`."""
        return trends.tendency(
            self.service_rate.in_per_minute, self.service_rate.out_per_minute, self.waiting, self.trend.lately
        )

    @property
    def paused(self) -> bool:
        return self.pause is not None

    @property
    def hold_new(self) -> bool:
        return self.holding_new is not None

    @property
    def consumers(self) -> int:
        return len(self.listening)

    @property
    def workers(self) -> list[str]:
        return [worker.hostname for worker in self.listening]

    @property
    def taking(self) -> list[Worker]:
        """The workers that take from it now; none while it is paused."""
        return [] if self.paused else [worker for worker in self.listening if worker.taking]

    @property
    def slots(self) -> int:
        return sum(worker.slots for worker in self.listening)

    @property
    def busy(self) -> int:
        return sum(worker.busy for worker in self.listening)

    @property
    def oldest_seconds(self) -> float | None:
        return None if self.oldest_at is None else max(0.0, (self.at - self.oldest_at).total_seconds())

    @property
    def in_per_minute(self) -> float:
        return round(self.service_rate.in_per_minute, 1)

    @property
    def out_per_minute(self) -> float:
        return round(self.service_rate.out_per_minute, 1)

    @property
    def drain_seconds(self) -> float | None:
        """How long until all that waits now has started; None while that cannot be known."""
        if not self.waiting:
            return 0.0
        nexts, rates = self.next_tasks(), Rates(self.taking, self.at)
        work = seconds_ahead(self.service_rate, self.waiting, nexts)
        ends = estimated_start(self.service_rate, self.waiting, work, self.taking, self.at)
        if ends is None:
            return None
        last = {name: nexts.count(name) * self.waiting / len(nexts) - 1 for name in nexts}
        allowed = [rates.start(name, before) for name, before in last.items()]
        return (max([ends, *filter(None, allowed)]) - self.at).total_seconds()

    @property
    def unattended(self) -> bool:
        """Whether runs wait and nobody is there to take them, though nobody has paused the queue."""
        return bool(self.waiting) and not self.listening and not self.paused


def listing(now: datetime) -> list[Queue]:
    """Every queue, declared ones first. Raises `BrokerUnavailable`."""
    alive = heartbeats.workers(broker.client(), now)
    return _read(names(alive), alive, now)


def find(queue: str, now: datetime) -> Queue:
    """One queue; raises `NotFound` and `BrokerUnavailable`."""
    alive = heartbeats.workers(broker.client(), now)
    require(queue, alive)
    return _read([queue], alive, now)[0]


def held_in_all() -> int:
    """How many runs are held in the declared queues: one round trip, for every page."""
    if not broker.capabilities().hold:
        return 0
    return sum(depth.held for depth in broker.depths(settings().declared_queues).values())


def _next_tasks(queue: str) -> list[str | None]:
    """The tasks of the next runs, None for foreign messages; none at all where the line cannot be read."""
    if not broker.capabilities().order:
        return []
    return [message.task_name for message in broker.page(queue, 0, SAMPLED_AHEAD, body_limit=0)]


def _read(names: Sequence[str], alive: Sequence[Worker], now: datetime) -> list[Queue]:
    depths = broker.depths(names)
    oldest = broker.oldest_sent_at([name for name in names if depths[name].waiting])
    pauses, modes = broker.paused(), broker.holding_new()
    known = cache(lambda: shared_rates(now))
    went = cache(lambda: trends.read({name: depths[name].waiting for name in names}, now))
    details, declared = settings().queue_details, set(settings().declared_queues)
    return [
        Queue(
            name=name,
            description=details[name].description if name in details else "",
            declared=name in declared,
            waiting=depths[name].waiting,
            held=depths[name].held,
            by_priority=depths[name].by_priority,
            pause=pauses.get(name),
            holding_new=modes.get(name),
            listening=[worker for worker in alive if worker.online and name in worker.queues],
            oldest_at=oldest.get(name),
            service_rates=known,
            trends=went,
            next_tasks=cache(partial(_next_tasks, name)),
            at=now,
            supports_order=broker.capabilities().order,
        )
        for name in names
    ]
