"""Pause and hold of another app's queues, which its workers obey where they are managed."""

from datetime import datetime

from app import audit, broker
from app.broker import HoldingNew, Message, Pause, ReleaseTo, topics
from app.brokers import management, places
from app.brokers.changes import change, note
from app.brokers.places import Place
from app.brokers.queues import ForeignRun, run_of
from app.extensions import transaction
from app.queues import run_sync

HELD_SHOWN = 50
LOOKS = 10  # so often a newcomer's row is looked for: its event may be recorded after its message is seen


def modes(place: Place, queue: str) -> tuple[Pause | None, HoldingNew | None]:
    """The pause of a queue, and who has it hold everything new."""
    with places.at(place):
        return broker.paused([queue]).get(queue), broker.holding_new([queue]).get(queue)


def held(place: Place, queue: str) -> tuple[int, list[ForeignRun]]:
    """How many runs of a queue are held, and those that are held longest."""
    with places.at(place):
        count, longest = broker.held_count(queue), broker.held(queue, 0, HELD_SHOWN)
    return count, [run_of(place, fact.message, held=fact) for fact in longest]


def pause(name: str, queue: str, by: str, words: str, now: datetime) -> Pause:
    """Let no worker take from a queue until it is resumed. Raises `Conflict` "not-managed" or "read-only"."""
    places.require_changes(name)
    management.require(places.find(name), queue, now)
    with change(name) as place:
        with places.at(place):
            paused = broker.pause(queue, by, words, now)
        audit.record("queue.pause", now, "queue", queue, queue, broker=name, note=words or None)
    return paused


def resume(name: str, queue: str, now: datetime) -> bool:
    """End a queue's pause; False when there was none."""
    with change(name) as place:
        with places.at(place):
            resumed = broker.resume(queue)
        if resumed:
            audit.record("queue.resume", now, "queue", queue, queue, broker=name)
    return resumed


def hold_new(name: str, queue: str, by: str, words: str, now: datetime) -> HoldingNew:
    """Hold everything that is sent to a queue from now on. Raises like `pause`."""
    places.require_changes(name)
    management.require(places.find(name), queue, now)
    with change(name) as place:
        with places.at(place):
            mode = broker.hold_new(queue, by, words, now)
        audit.record("queue.hold-new", now, "queue", queue, queue, broker=name, reason=words or None)
    return mode


def stop_holding_new(name: str, queue: str, now: datetime) -> bool:
    """Let new runs into the line again; those that are held stay held. False when it was so already."""
    with change(name) as place:
        with places.at(place):
            stopped = broker.stop_holding_new(queue)
        if stopped:
            audit.record("queue.let-new-in", now, "queue", queue, queue, broker=name)
    return stopped


def hold(
    name: str, queue: str, run_id: str, by: str, words: str, now: datetime, hint: int | None = None
) -> Message:
    """Take a waiting run out of its line until it is released. Raises like `broker.hold`."""
    with change(name, run_id) as place:
        with places.at(place):
            message = broker.hold(queue, run_id, by, words, now, hint)
        run_sync.held([run_id], now)
        note("queue.hold", name, queue, message, now, reason=words or None)
    return message


def release(name: str, queue: str, run_id: str, now: datetime, to: ReleaseTo | None = None) -> Message:
    """Put a held run back into its line. Raises like `broker.release`."""
    with change(name, run_id) as place:
        with places.at(place):
            message = broker.release(queue, run_id, to)
        run_sync.waiting([run_id], now)
        note("queue.release", name, queue, message, now, to=to)
    return message


def release_all(name: str, queue: str, now: datetime) -> list[str]:
    """Release every held run of a queue, in order; returns their ids."""
    with change(name) as place:
        with places.at(place):
            released = broker.release_all(queue)
        run_sync.waiting(released, now)
        audit.record("queue.release-all", now, "queue", queue, queue, broker=name, released=len(released))
    return released


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
