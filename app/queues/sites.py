"""Where a queue lies, for those who change it: on our own broker, or on that of another app."""

from contextlib import AbstractContextManager, nullcontext
from datetime import datetime

from app.queues import discovery


class Site:
    """Our own broker, whose queues may all be changed and whose workers obey."""

    broker: str | None = None  # the name of another app's, which audit entries tell

    def at(self) -> AbstractContextManager[None]:
        """Ask and change queues there; nothing of our own belongs inside."""
        return nullcontext()

    def modes_at(self) -> AbstractContextManager[None]:
        """Ask and change there what workers are to obey, as `at`."""
        return nullcontext()

    def require(self, queue: str) -> None:
        """Raise `NotFound` for a queue that is not there."""
        discovery.require(queue)

    def require_changes(self) -> None:
        """Raise `Conflict` where queues may only be looked at."""

    def require_obedience(self, queue: str, now: datetime) -> None:
        """Raise `Conflict` where workers take from a queue that obey neither pause nor hold."""


OWN = Site()
