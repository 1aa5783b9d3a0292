"""What a broker tells of its queues, whichever it is."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from app.broker.messages import Message

ReleaseTo = Literal["front", "back"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Capabilities:
    """What a broker can do with its queues beyond taking messages in and handing them out.

    `order`: waiting runs can be moved to another place of their line. `reading`: what waits can be read, not
    only counted. `hold`: runs can be held, one by one or everything new.
    `gives_back`: what a dead worker had taken comes back by itself. `exact_slots`: a worker can be told
    to take no more than it can start. `apart`: the queues lie beside the Redis that holds the rest.
    """

    name: str
    order: bool
    reading: bool
    hold: bool
    gives_back: bool
    exact_slots: bool
    apart: bool


@dataclass(frozen=True, slots=True)
class Depth:
    """How many messages wait in a queue (`by_priority`: only the levels that hold some), and are held."""

    queue: str
    waiting: int
    by_priority: dict[int, int]
    held: int


@dataclass(frozen=True, slots=True)
class Held:
    """A held message. `by_mode`: it came while its queue held everything new; `by` is who said so."""

    message: Message
    by: str
    at: datetime | None
    reason: str
    by_mode: bool


@dataclass(frozen=True, slots=True)
class HoldingNew:
    """Who said that a queue holds everything new, when and why."""

    queue: str
    by: str
    since: datetime
    reason: str


@dataclass(frozen=True, slots=True)
class Taken:
    """A message that a worker took and has not acknowledged: its task runs, or is about to."""

    message: Message
    delivery_tag: str
    taken_at: datetime | None


@dataclass(frozen=True, slots=True)
class Location:
    """Where a run's message is, and the message."""

    where: Literal["waiting", "held", "taken"]
    queue: str
    message: Message


@dataclass(frozen=True, slots=True)
class Purged:
    """A purge that can be undone with its token until `until`; without a token it cannot."""

    queue: str
    token: str
    removed: int
    until: datetime
