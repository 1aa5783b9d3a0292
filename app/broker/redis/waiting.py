"""What waits: a queue's lists of all priority levels, read as one line in the order in which it is taken."""

from collections.abc import Collection, Sequence
from datetime import datetime

from app.broker.answers import Depth
from app.broker.connection import client, keys, reaches_broker
from app.broker.messages import BODY_LIMIT_BYTES, Message, id_of, parse
from app.broker.priority import from_broker
from app.broker.redis import search
from celeriac_agent.keys import Level

HINT_SPAN = 50  # how far around the place where a run was last seen it is looked for first
PAGE_TRIES = 3


@reaches_broker
def depths(queues: Sequence[str]) -> dict[str, Depth]:
    """The depths of several queues, in one round trip."""
    names = keys()
    pipe = client().pipeline(transaction=False)
    for queue in queues:
        for level in names.levels(queue):
            pipe.llen(level.key)
        pipe.llen(names.held(queue))
    answers = iter(pipe.execute())
    depths_by_queue = {}
    for queue in queues:
        sizes = {from_broker(step): next(answers) for step in names.steps}
        depths_by_queue[queue] = Depth(
            queue, sum(sizes.values()), {p: n for p, n in sizes.items() if n}, next(answers)
        )
    return depths_by_queue


@reaches_broker
def page(
    queue: str, offset: int = 0, limit: int = 50, body_limit: int | None = BODY_LIMIT_BYTES
) -> list[Message]:
    """`limit` messages of the line from `offset` (0 = the next to be taken), each with its true position.

    All are read in one step: the page is the line as it was at one moment.
    """
    return [
        parse(raw, queue, level.step, position, body_limit)
        for level, raw, position in _page(queue, offset, limit)
    ]


@reaches_broker
def oldest_sent_at(queues: Sequence[str]) -> dict[str, datetime | None]:
    """When the longest waiting message of each queue was sent, in one round trip.

    Looked for among the next ones of each priority; None when nothing waits or none says when it was sent.
    """
    names = keys()
    pipe = client().pipeline(transaction=False)
    for queue in queues:
        for level in names.levels(queue):
            pipe.lindex(level.key, -1)
    answers = iter(pipe.execute())
    oldest: dict[str, datetime | None] = {}
    for queue in queues:
        nexts = [(step, next(answers)) for step in names.steps]
        stamps = [parse(raw, queue, step, body_limit=0).sent_at for step, raw in nexts if raw is not None]
        oldest[queue] = min((stamp for stamp in stamps if stamp), default=None)
    return oldest


@reaches_broker
def find(queue: str, run_id: str, hint: int | None = None) -> Message | None:
    """The waiting message of a run with its position, or None.

    `hint` is the position where it was last seen: a queue of any length is then searched in a few
    milliseconds. Without it, or when it is not there, the whole line is read in pieces from the front.
    When a run has several messages in the queue, the next of them is found (or the one at the hint).
    """
    predicate = search.Predicate([run_id])
    if hint is not None:
        near = _page(queue, max(0, hint - 1 - HINT_SPAN), 2 * HINT_SPAN + 1)
        for level, raw, position in sorted(near, key=lambda entry: abs(entry[2] - hint)):
            if predicate.matches(raw):
                return parse(raw, queue, level.step, position)
    levels = {level.key: level for level in keys().levels(queue)}
    hit = search.first(list(levels), predicate)
    if hit is None:
        return None
    level, raw = levels[hit[0]], hit[1]
    index = _position(queue, level, raw)
    return parse(raw, queue, level.step, index) if index is not None else None


@reaches_broker
def among(queue: str, run_ids: Collection[str]) -> set[str]:
    """Which of the runs wait in the queue or are held: one look for all of them, however long the line."""
    lists = [*_lists(queue), keys().held(queue)]
    return {id_of(raw) for raw in search.every(lists, search.Predicate(run_ids))}


@reaches_broker
def ids(queue: str) -> set[str]:
    """The ids of all that wait."""
    return {id_of(raw) for raw in search.messages(_lists(queue))}


def _lists(queue: str) -> list[str]:
    return [level.key for level in keys().levels(queue)]


def _page(queue: str, offset: int, limit: int) -> list[tuple[Level, bytes, int]]:
    """Bytes, levels and true positions of a part of the line."""
    entries: list[tuple[Level, bytes, int]] = []
    for _ in range(PAGE_TRIES):
        pipe = client().pipeline(transaction=False)
        for level in keys().levels(queue):
            pipe.llen(level.key)
        entries = _read(queue, pipe.execute(), offset, limit)
        if not entries or entries[-1][2] - entries[0][2] == len(entries) - 1:
            break  # else the levels changed between the two looks, and left a hole
    return entries


def _read(queue: str, sizes: list[int], offset: int, limit: int) -> list[tuple[Level, bytes, int]]:
    """The part of each level that is on the page by `sizes`; positions by the sizes at that very moment."""
    levels = keys().levels(queue)
    pipe = client().pipeline(transaction=True)
    for level in levels:
        pipe.llen(level.key)
    pieces, ahead = [], 0
    for at, level in enumerate(levels):
        start, stop = max(offset - ahead, 0), min(offset + limit - ahead, sizes[at])
        if start < stop:
            pipe.lrange(level.key, -stop, -start - 1)
            pieces.append((at, level, start))
        ahead += sizes[at]
    if not pieces:
        return []
    answers = pipe.execute()
    now, parts = answers[: len(levels)], answers[len(levels) :]
    return [
        (level, raw, sum(now[:at]) + start + position)
        for (at, level, start), raws in zip(pieces, parts, strict=True)
        for position, raw in enumerate(reversed(raws), 1)
    ]


def _position(queue: str, level: Level, raw: bytes) -> int | None:
    """The position of a message by its exact bytes, or None when it has gone."""
    levels = keys().levels(queue)
    pipe = client().pipeline(transaction=True)
    for other in levels:
        pipe.llen(other.key)
    pipe.lpos(level.key, raw, rank=-1)  # type: ignore[arg-type]  # redis-py's types forbid bytes
    *sizes, index = pipe.execute()
    at = levels.index(level)
    return None if index is None else sum(sizes[: at + 1]) - int(index)
