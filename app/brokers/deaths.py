"""Gives out again what processes of another app's workers died with; they say beside it that they have it.

Nothing else is touched: what a worker took that says nothing comes back as the app's own Redis has it.
"""

import logging
import time
from datetime import datetime

from app import broker, workers
from app.broker import topics
from app.broker.answers import Taken
from app.broker.redis import recovery
from app.brokers import places
from app.brokers.places import Place
from app.errors import BrokerUnavailable

DEAD_SECONDS = 15.0

logger = logging.getLogger(__name__)


class Deaths:
    """At one broker."""

    def __init__(self) -> None:
        self._steady_since: float | None = None

    def look(self, place: Place, now: datetime) -> list[str]:
        """Put right what the dead had; returns the ids of these runs. Raises `BrokerUnavailable`.

        After an outage of their Redis everybody gets time to say that they live.
        """
        try:
            with places.at(place):
                dead = recovery.silent(DEAD_SECONDS)
                self._steady_since = self._steady_since or time.monotonic()
                if not dead or time.monotonic() - self._steady_since <= DEAD_SECONDS:
                    return []
                left = [taken for taken in broker.unacked().values() if recovery.holder(taken) in dead]
        except BrokerUnavailable:
            self._steady_since = None
            raise
        done = [taken.message.id for taken in left if _put_right(place, taken, now)]
        with places.at(place):
            recovery.forget(dead)
        if done:
            topics.touch(broker.client(), ["runs", *(f"run:{run_id}" for run_id in done)])
        return done


def _put_right(place: Place, taken: Taken, now: datetime) -> bool:
    """Give a message out again, unless three workers died with it; False when it has gone meanwhile."""
    run_id, worker = taken.message.id, recovery.holder(taken).rpartition("/")[0]
    forever = workers.deaths_of(run_id) + 1 >= workers.DEATHS_MAX or not recovery.can(taken)
    with places.at(place):
        moved = recovery.drop(taken) if forever else recovery.requeue(taken)
    if not moved:
        return False
    workers.note_death(run_id)
    logger.warning("run %s of %s: its worker %s died", run_id, place.name, worker)
    if forever:
        workers.quarantined(run_id, now)
    else:
        workers.given_out_again(run_id, now)
    return True
