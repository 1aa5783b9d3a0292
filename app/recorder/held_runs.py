"""Keeps held runs in order while nobody looks: newcomers are set aside, and rows say what is held."""

import time
from datetime import datetime, timedelta

from app import broker, heartbeats
from app.broker import topics
from app.extensions import transaction
from app.queues import run_sync
from app.queues.discovery import names

CHECK_AGAIN_SECONDS = 60.0
NAMES_SECONDS = 10.0  # as long as the list of queues is known for
SETTLED_AFTER = timedelta(seconds=10)
LOOKS = 10  # so often a newcomer's row is looked for: its event may be recorded after its message is seen


class HeldRunSync:
    """One a recorder; it remembers which held runs it has seen, and how often."""

    def __init__(self) -> None:
        self._seen: dict[str, int] = {}
        self._compared_at = float("-inf")
        self._names: list[str] = []
        self._named_at = float("-inf")

    def tick(self, now: datetime) -> int:
        """Set newcomers aside where a queue holds everything new, and bring the rows in step.

        Returns how many rows it changed. Call it every second or so.
        """
        swept = broker.sweep(now)
        if time.monotonic() - self._named_at > NAMES_SECONDS:
            self._named_at = time.monotonic()
            self._names = names(heartbeats.workers(broker.client(), now))
        held = broker.held_ids(*{*self._names, *swept})
        new = {run_id for run_id in held if self._seen.get(run_id, 0) < LOOKS}
        gone = self._seen.keys() - held
        if time.monotonic() - self._compared_at > CHECK_AGAIN_SECONDS:
            self._compared_at = time.monotonic()
            gone |= set(run_sync.held_rows(now - SETTLED_AFTER)) - held
        self._seen = {run_id: self._seen.get(run_id, 0) + 1 for run_id in held}
        changed = 0
        if new or gone:
            with transaction():
                changed = run_sync.held(sorted(new), now) + run_sync.waiting(sorted(gone), now)
        if changed:
            topics.touch(broker.client(), ["runs", *(f"run:{run_id}" for run_id in (*new, *gone))])
        return changed
