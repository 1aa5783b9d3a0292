"""How the depth of a queue went lately, by its samples, and what is said of that."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from app import broker, heartbeats
from app.broker import Sample
from app.queues.discovery import names, require

SPAN = timedelta(minutes=30)  # what the pages show and speak of
ENOUGH = 10  # samples, five minutes: fewer tell nothing
LATELY = timedelta(minutes=5)  # what rates are counted over (`queues.forecast`)

LEAST_PER_MINUTE = 1.0  # slower than five runs in five minutes, a rate says nothing
LEAST_DIFFERENCE = 0.4  # two runs in five minutes: less is chance
STEADY_WITHIN = 0.05  # of the larger rate
SLOWLY_WITHIN = 0.25


@dataclass(frozen=True)
class Trend:
    """The samples of the last half hour, oldest first, and what waits `now`."""

    samples: Sequence[Sample]
    waiting: int
    now: datetime

    @property
    def known(self) -> bool:
        """Whether there are enough samples to speak of."""
        return len(self.samples) >= ENOUGH

    @property
    def change(self) -> int:
        """How many more wait now than when the samples begin; below 0: fewer."""
        return self.waiting - self.samples[0].waiting

    @property
    def minutes(self) -> int:
        """How long ago the samples begin."""
        return max(1, round((self.now - self.samples[0].at).total_seconds() / 60))

    @property
    def most(self) -> int:
        return max([self.waiting, *(sample.waiting for sample in self.samples)])

    @property
    def points(self) -> list[tuple[float, float]]:
        """(seconds ago as a negative number, how much waited), up to now."""
        past = [((sample.at - self.now).total_seconds(), float(sample.waiting)) for sample in self.samples]
        return [*past, (0.0, float(self.waiting))]

    @property
    def lately(self) -> int | None:
        """How many more wait than five minutes ago; None where nobody sampled then."""
        before = [sample for sample in self.samples if sample.at <= self.now - LATELY]
        if not before or before[-1].at < self.now - 2 * LATELY:
            return None
        return self.waiting - before[-1].waiting


def read(waiting: Mapping[str, int], now: datetime) -> dict[str, Trend]:
    """The trends of queues of which so many wait now; one round trip. Raises `BrokerUnavailable`."""
    samples = broker.samples(list(waiting), now - SPAN, now)
    return {queue: Trend(samples[queue], waiting[queue], now) for queue in waiting}


def history(queue: str, now: datetime) -> list[Sample]:
    """All samples of a queue, of two hours, oldest first. Raises `NotFound` and `BrokerUnavailable`."""
    require(queue, heartbeats.workers(broker.client(), now))
    return broker.samples([queue], now - broker.SAMPLES_KEPT, now)[queue]


def tendency(came_in: float, went_out: float, waiting: int, lately: int | None = None) -> str | None:
    """ "growing-slowly", "growing", "draining" or "steady", from runs a minute; None: the figures do not say.

    Within a twentieth of the larger rate, or two runs in five minutes, it is steady; from a quarter on it
    grows, not slowly. A queue in which nothing waits neither grows nor drains, and where the depth of the
    last five minutes (`lately`: so many more wait) went the other way than the rates, nothing is said.
    """
    larger, difference = max(came_in, went_out), came_in - went_out
    if larger < LEAST_PER_MINUTE:
        return None
    if abs(difference) < max(LEAST_DIFFERENCE, STEADY_WITHIN * larger):
        return "steady"
    if not waiting or (lately is not None and lately * difference < 0):
        return None
    if difference < 0:
        return "draining"
    return "growing-slowly" if difference < SLOWLY_WITHIN * larger else "growing"


class Sampler:
    """One a recorder: samples every queue once in each half minute."""

    def __init__(self) -> None:
        self._slot = -1

    def tick(self, now: datetime) -> None:
        """Sample if it is time; call it as often as you like. Raises `BrokerUnavailable`.

        What could not be sampled is not made up for: the half minute is missing.
        """
        slot = broker.slot_of(now)
        if slot == self._slot:
            return
        self._slot = slot
        broker.sample(names(heartbeats.workers(broker.client(), now)), now)
