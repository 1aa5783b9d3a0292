"""What is paused and held in another app's queues, which its workers obey where they are managed."""

from datetime import datetime

from app import broker
from app.broker import HoldingNew, Pause, topics
from app.brokers import places
from app.brokers.places import Place
from app.brokers.queues import ForeignRun, run_of
from app.extensions import transaction
from app.queues import run_sync

HELD_SHOWN = 50
LOOKS = 10  # so often a newcomer's row is looked for: its event may be recorded after its message is seen


def modes(place: Place, queue: str) -> tuple[Pause | None, HoldingNew | None]:
    """The pause of a queue, and who has it hold everything new."""
    with places.modes_at(place):
        return broker.paused([queue]).get(queue), broker.holding_new([queue]).get(queue)


def held(place: Place, queue: str) -> tuple[int, list[ForeignRun]]:
    """How many runs of a queue are held, and those that are held longest."""
    with places.modes_at(place):
        count, longest = broker.held_count(queue), broker.held(queue, 0, HELD_SHOWN)
    return count, [run_of(place, fact.message, held=fact) for fact in longest]


class HeldRuns:
    """At one broker: sets newcomers aside where a queue holds everything new; rows say what is held."""

    def __init__(self) -> None:
        self._seen: dict[str, int] = {}

    def look(self, place: Place, now: datetime) -> None:
        """Call it every second or so. Raises `BrokerUnavailable`."""
        with places.at(place):
            queues = broker.holding_new()
            if queues:
                broker.sweep(now)
            ids = broker.held_ids(*queues) if queues else set()
        new = [run_id for run_id in ids if self._seen.get(run_id, 0) < LOOKS]
        self._seen = {run_id: self._seen.get(run_id, 0) + 1 for run_id in ids}
        if new:
            with transaction():
                changed = run_sync.held(sorted(new), now)
            if changed:
                topics.touch(broker.client(), ["runs", *(f"run:{run_id}" for run_id in new)])
