"""What the workers of another app are told, where an admin allowed changes."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime

from app import audit, broker
from app.broker import topics
from app.brokers import places, workers
from app.brokers.places import Place
from app.extensions import transaction


def revoke(name: str, run_id: str, terminate: bool, now: datetime) -> None:
    """Tell the workers not to start a run, or to stop it: they keep that in memory and answer nothing."""
    with _changing(name) as place:
        audit.record("run.cancel", now, "run", run_id, run_id, broker=name, terminate=terminate or None)
        workers.command(place, "revoke", task_id=run_id, terminate=terminate, signal="SIGTERM")


def send_events(name: str, on: bool, now: datetime) -> None:
    """Have the app's workers send events of their tasks, or no more, until they restart."""
    with _changing(name) as place:
        audit.record("broker.events", now, "broker", name, name, enabled=on)
        workers.command(place, "enable_events" if on else "disable_events")


@contextmanager
def _changing(name: str) -> Iterator[Place]:
    """One transaction, where that may be; afterwards the pages look again."""
    places.require_changes(name)
    with transaction():
        yield places.find(name)
    topics.touch(broker.client(), ["runs"])
