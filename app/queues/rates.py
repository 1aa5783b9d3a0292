"""When runs of a task with a rate limit may start, by what the workers say of their limits."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from app.queues.forecast import Consumer


class Rates:
    """The rate limits of some workers, each of which obeys them for itself, at `now`."""

    def __init__(self, consumers: Sequence[Consumer], now: datetime) -> None:
        self._consumers, self._now = consumers, now

    def words(self, task_name: str | None) -> str:
        """The limit as it was written: 10/m; empty where a worker has none."""
        limits = self._of(task_name)
        return str(limits[0]["limit"]) if limits else ""

    def start(self, task_name: str | None, before: float) -> datetime | None:
        """The earliest start of a run that so many of its task go before; None where no limit holds it up."""
        limits = self._of(task_name)
        if not limits:
            return None
        first = min(max(self._at(limit), self._now) for limit in limits)
        return first + timedelta(seconds=before / sum(limit["per_second"] for limit in limits))

    def waits(self, task_name: str | None) -> bool:
        """Whether no worker may start a run of the task right now."""
        start = self.start(task_name, 0)
        return start is not None and start > self._now

    def passed(self, tasks: Sequence[str | None]) -> int:
        """How many of these runs others may overtake: those that wait for their own task's limit."""
        seen: dict[str | None, int] = {}
        count = 0
        for name in tasks:
            start = self.start(name, seen.get(name, 0))
            count += start is not None and start > self._now
            seen[name] = seen.get(name, 0) + 1
        return count

    def _of(self, task_name: str | None) -> list[dict[str, Any]]:
        """The limit of each worker; nothing if one of them has none."""
        rates = [worker.rates.get(task_name or "") for worker in self._consumers]
        limits = [limit for limit in rates if limit is not None]
        return limits if len(limits) == len(rates) else []

    def _at(self, limit: dict[str, Any]) -> datetime:
        return datetime.fromtimestamp(limit["next_at"], UTC) if limit["next_at"] else self._now
