"""Reads the durable stream as one of a group of recorders."""

import json
import logging
from datetime import UTC, datetime
from typing import Any, NamedTuple

import redis
from pydantic_core import from_json

from app.broker import dead_letters
from app.celery import event_shape
from app.recorder.unknown_facts import UnknownFacts
from celeriac_agent.settings import OWN_APP
from celeriac_agent.stream import STREAM

GROUP = "recorder"
ALIVE_PREFIX = "celeriac:recorder-alive:"
ALIVE_SECONDS = 4  # a member that has not said so for so long is dead
CLAIM_IDLE_MS = 1000  # what another member has just taken over is its own

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
        self._unknown = UnknownFacts()
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

    def keep_alive(self) -> None:
        """Say that this member lives, whatever it is busy with; call it every second."""
        self._redis.set(ALIVE_PREFIX + self._name, "1", ex=ALIVE_SECONDS)

    def leave(self) -> None:
        """What this member has not acknowledged is the others' from now on."""
        self._redis.delete(ALIVE_PREFIX + self._name)

    def claim(self, count: int) -> list[Entry]:
        """Take over up to `count` entries of members that died before they acknowledged them."""
        entries: list[Entry] = []
        for member in self._dead_members():
            if len(entries) < count:
                entries += self._claimed(member, count - len(entries))
        return entries

    def _dead_members(self) -> list[str]:
        """Members that hold entries and have not said that they live."""
        consumers: Any = self._redis.xinfo_consumers(STREAM, GROUP)
        holding = [_text(consumer["name"]) for consumer in consumers if consumer["pending"]]
        return [
            name for name in holding if name != self._name and not self._redis.exists(ALIVE_PREFIX + name)
        ]

    def _claimed(self, member: str, count: int) -> list[Entry]:
        pending: Any = self._redis.xpending_range(STREAM, GROUP, "-", "+", count, consumername=member)
        ids = [entry["message_id"] for entry in pending]
        if not ids:
            return []
        claimed: Any = self._redis.xclaim(STREAM, GROUP, self._name, CLAIM_IDLE_MS, ids)
        if claimed:
            logger.warning("%d events that %s had read and not recorded are taken over", len(claimed), member)
        return self._decoded(claimed)

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

    def set_aside(self, entry: Entry, why: str) -> None:
        """Keep an entry that cannot be recorded where a developer finds it, count it, and go on."""
        dead_letters.set_aside(self._redis, dead_letters.EVENT, entry.event, why)

    def gap(self) -> tuple[datetime, datetime] | None:
        """From when until when events were lost to the cap, or None. Ask before reading on."""
        pipe: Any = self._redis.pipeline(transaction=False)
        first, groups = pipe.xrange(STREAM, count=1).xinfo_groups(STREAM).execute()
        last = _delivered(groups)
        if not first or last == b"0-0" or _order(first[0][0]) <= _order(last):
            return None
        return _moment(last), _moment(first[0][0])

    def lag_seconds(self) -> float:
        """By how much the stream is ahead of what every member has recorded, by Redis's own clock."""
        pipe: Any = self._redis.pipeline(transaction=False)
        pipe.xpending(STREAM, GROUP).xrevrange(STREAM, count=1).xinfo_groups(STREAM)
        pending, last, groups = pipe.execute()
        done = pending["min"] or _delivered(groups)
        if not last or (done == last[0][0] and not pending["pending"]):
            return 0.0
        return max((_moment(last[0][0]) - _moment(done)).total_seconds(), 0.001)

    def waiting(self) -> int:
        """How many entries are in the stream, recorded or not."""
        return int(self._redis.xlen(STREAM))

    def _last_delivered(self) -> bytes:
        return _delivered(self._redis.xinfo_groups(STREAM))

    def _read(self, count: int, start: str, block_ms: int | None) -> list[Entry]:
        answer: Any = self._redis.xreadgroup(GROUP, self._name, {STREAM: start}, count=count, block=block_ms)
        if not answer:
            return []
        return self._decoded(answer[0][1])

    def _decoded(self, raw: Any) -> list[Entry]:
        """The entries that can be recorded; each of the others is set aside."""
        entries, gone = [], []
        for entry_id, fields in raw:
            if not fields:  # trimmed while it was pending
                gone.append(entry_id)
                continue
            event, why = _read(fields)
            if why:
                logger.error("an event cannot be recorded and is set aside: %s", why)
                dead_letters.set_aside(
                    self._redis, dead_letters.EVENT, fields.get(b"e") or repr(fields).encode(), why
                )
                gone.append(entry_id)
            else:
                event = event_shape.without_bad_lineage(self._without_unknown(event))
                event = event_shape.by_our_clock(event)
                entries.append(Entry(entry_id, event))
        if gone:
            self._redis.xack(STREAM, GROUP, *gone)
        return entries

    def _without_unknown(self, event: dict[str, Any]) -> dict[str, Any]:
        """The event without what is not known here, which is said."""
        if not (unknown := event_shape.unknown_facts(event)):
            return event
        app, who = event.get("app") or OWN_APP, event.get("worker") or event.get("origin")
        self._unknown.say(self._redis, dead_letters.EVENT, app, who, unknown)
        return {name: value for name, value in event.items() if name not in unknown}


def _read(fields: dict[bytes, bytes]) -> tuple[Any, str]:
    """The event of an entry, and why it cannot be recorded."""
    try:
        event = _json(fields[b"e"])
    except (ValueError, KeyError, RecursionError) as error:
        return None, f"{type(error).__name__}: {error}"
    return event, event_shape.problem(event)


def _json(text: bytes) -> Any:
    """By pydantic's parser, three times as fast; what it does not take (lone surrogates) Python's may."""
    try:
        return from_json(text)
    except ValueError:
        return json.loads(text)


def _text(name: bytes | str) -> str:
    return name.decode("utf-8", "replace") if isinstance(name, bytes) else name


def _delivered(groups: Any) -> bytes:
    """The last entry that any member was given."""
    for group in groups:
        if group["name"] == GROUP.encode():
            return bytes(group["last-delivered-id"])
    raise redis.ResponseError("NOGROUP the recorders' group is gone")


def _order(entry_id: bytes) -> tuple[int, ...]:
    return tuple(int(part) for part in entry_id.split(b"-"))


def _moment(entry_id: bytes) -> datetime:
    return datetime.fromtimestamp(_order(entry_id)[0] / 1000, UTC)
