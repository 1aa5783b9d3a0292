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
        found = self._of(task_name)
        return str(found[0]["limit"]) if found else ""

    def start(self, task_name: str | None, before: float) -> datetime | None:
        """The earliest start of a run that so many of its task go before; None where no limit holds it up."""
        found = self._of(task_name)
        if not found:
            return None
        first = min(max(self._at(one), self._now) for one in found)
        return first + timedelta(seconds=before / sum(one["per_second"] for one in found))

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
        found = [one.rates.get(task_name or "") for one in self._consumers]
        limits = [one for one in found if one is not None]
        return limits if len(limits) == len(found) else []

    def _at(self, limit: dict[str, Any]) -> datetime:
        return datetime.fromtimestamp(limit["next_at"], UTC) if limit["next_at"] else self._now
