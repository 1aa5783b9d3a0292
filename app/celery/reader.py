"""Reads the durable stream as one of a group of recorders."""

import json
import logging
from datetime import UTC, datetime
from typing import Any, NamedTuple

import redis

from app.celery.events import STREAM

GROUP = "recorder"
BAD = "celeriac:events:bad"
BAD_MAX = 10_000
STALE_MS = 30_000

logger = logging.getLogger(__name__)


class Entry(NamedTuple):
    """One entry of the stream."""

    id: bytes
    event: dict[str, Any]


class EventReader:
    """A named member of the recorders' consumer group: an entry is one member's until acknowledged."""

    def __init__(self, client: redis.Redis, name: str) -> None:
        self._redis = client
        self._name = name
        self._own_pending = True  # what this name had read before it died comes first

    def join(self) -> None:
        """Make sure that the group exists; it starts at the stream's beginning."""
        try:
            self._redis.xgroup_create(STREAM, GROUP, id="0", mkstream=True)
        except redis.ResponseError as error:
            if "BUSYGROUP" not in str(error):
                raise

    def read(self, count: int, block_ms: int) -> list[Entry]:
        """Up to `count` entries, waiting at most `block_ms` for the first; those of dead members too."""
        if self._own_pending:
            entries = self._read(count, "0", None)
            if entries:
                return entries
            self._own_pending = False
        return self._read(count, ">", block_ms)

    def claim_stale(self, count: int) -> list[Entry]:
        """Take over entries that another member read 30 s ago and never acknowledged."""
        answer: Any = self._redis.xautoclaim(
            STREAM, GROUP, self._name, min_idle_time=STALE_MS, start_id="0-0", count=count
        )
        return self._decoded(answer[1])

    def reread(self) -> None:
        """Read what is not acknowledged again, after a failed write."""
        self._own_pending = True

    def acknowledge(self, entries: list[Entry]) -> None:
        """Tell that entries are recorded, and free the stream of what every member has recorded.

        The newest recorded entry stays: when it is gone, the cap has cut unrecorded ones (see `gap`).
        """
        if not entries:
            return
        self._redis.xack(STREAM, GROUP, *[entry.id for entry in entries])
        pending: Any = self._redis.xpending(STREAM, GROUP)
        keep = pending["min"] or self._last_delivered()
        self._redis.xtrim(STREAM, minid=keep, approximate=False)

    def set_aside(self, entry: Entry) -> None:
        """Keep an entry that cannot be recorded where a developer finds it, and go on."""
        self._redis.xadd(BAD, {"e": json.dumps(entry.event)}, maxlen=BAD_MAX)

    def gap(self) -> tuple[datetime, datetime] | None:
        """From when until when events were lost to the cap, or None. Ask before reading on."""
        first: Any = self._redis.xrange(STREAM, count=1)
        last = self._last_delivered()
        if not first or last == b"0-0" or _order(first[0][0]) <= _order(last):
            return None
        return _moment(last), _moment(first[0][0])

    def lag_seconds(self) -> float:
        """By how much the stream is ahead of what every member has recorded, by Redis's own clock."""
        pending: Any = self._redis.xpending(STREAM, GROUP)
        last: Any = self._redis.xrevrange(STREAM, count=1)
        done = pending["min"] or self._last_delivered()
        if not last or (done == last[0][0] and not pending["pending"]):
            return 0.0
        return max((_moment(last[0][0]) - _moment(done)).total_seconds(), 0.001)

    def waiting(self) -> int:
        """How many entries are in the stream, recorded or not."""
        return int(self._redis.xlen(STREAM))

    def _last_delivered(self) -> bytes:
        groups: Any = self._redis.xinfo_groups(STREAM)
        return next(bytes(group["last-delivered-id"]) for group in groups if group["name"] == GROUP.encode())

    def _read(self, count: int, start: str, block_ms: int | None) -> list[Entry]:
        answer: Any = self._redis.xreadgroup(GROUP, self._name, {STREAM: start}, count=count, block=block_ms)
        if not answer:
            return []
        return self._decoded(answer[0][1])

    def _decoded(self, raw: Any) -> list[Entry]:
        entries, lost = [], []
        for entry_id, fields in raw:
            try:
                event = json.loads(fields[b"e"])
                event["id"], event["type"], event["at"]
                entries.append(Entry(entry_id, event))
            except (ValueError, KeyError, TypeError):
                lost.append(entry_id)
        if lost:  # trimmed while pending, or not written by us
            logger.error("%d entries of the stream cannot be read and are left out", len(lost))
            self._redis.xack(STREAM, GROUP, *lost)
        return entries


def _order(entry_id: bytes) -> tuple[int, ...]:
    return tuple(int(part) for part in entry_id.split(b"-"))


def _moment(entry_id: bytes) -> datetime:
    return datetime.fromtimestamp(_order(entry_id)[0] / 1000, UTC)
