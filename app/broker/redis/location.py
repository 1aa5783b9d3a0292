"""Where a run's message is: in the line, among the held ones, or taken by a worker and not acknowledged."""

import json
from collections.abc import Collection, Iterable, Iterator, Sequence
from datetime import UTC, datetime
from typing import Any

import redis

from app.broker.answers import Location, Taken
from app.broker.connection import client, keys, reaches_broker
from app.broker.messages import Message, declared_step, parse
from app.broker.redis import holding, waiting
from app.queue_names import is_reserved
from celeriac_agent.keys import Keys

SCAN_COUNT = 500


@reaches_broker
def unacked() -> dict[str, Taken]:
    """The messages that workers took and have not acknowledged, by run id.

    With late acknowledgement these are the running ones too. Kombu writes no worker's name beside them.
    """
    redis_client, names = client(), keys()
    scores: Any = redis_client.zrange(names.unacked_index, 0, -1, withscores=True)
    taken_at = dict(scores)
    taken = {}
    for tag, message in _unacked(redis_client, names):
        epoch = taken_at.get(tag)
        moment = None if epoch is None else datetime.fromtimestamp(float(epoch), UTC)
        taken[message.id] = Taken(message, tag.decode("utf-8", "replace"), moment)
    return taken


@reaches_broker
def taken_count() -> int:
    """How many messages workers took and have not acknowledged."""
    return client().hlen(keys().unacked)


@reaches_broker
def taken(offset: int = 0, limit: int = 50) -> list[Taken]:
    """A part of them, those first that were taken longest ago; as cheap among many as among few."""
    redis_client, names = client(), keys()
    scores: Any = redis_client.zrange(names.unacked_index, offset, offset + limit - 1, withscores=True)
    if not scores:
        return []
    values: Any = redis_client.hmget(names.unacked, [tag for tag, _ in scores])
    entries = ((tag, value) for (tag, _), value in zip(scores, values, strict=True) if value is not None)
    taken_at = {tag: datetime.fromtimestamp(float(epoch), UTC) for tag, epoch in scores}
    return [
        Taken(message, tag.decode("utf-8", "replace"), taken_at[tag])
        for tag, message in _read(redis_client, names, entries)
    ]


@reaches_broker
def locate(run_id: str, queues: Sequence[str]) -> Location | None:
    """Where the run's message is: among the held ones, taken, or in the line of one of the queues.

    None also for the millisecond in which a worker has it in its hands: taken out of the list and not yet
    written among the unacknowledged ones. Who must be sure asks again a second later.
    """
    for queue in queues:
        if held := holding.find_held(queue, run_id):
            return Location("held", queue, held.message)
    if location := _locate_taken(run_id):
        return location
    for queue in queues:
        if message := waiting.find(queue, run_id):
            return Location("waiting", queue, message)
    return _locate_taken(run_id)  # taken while we looked


@reaches_broker
def out(run_ids: Collection[str], queues: Sequence[str]) -> set[str]:
    """Which of the runs have a message in the broker, anywhere: in line, held or taken.

    What is about to be sent again asks this first. The lines are read twice, because a message can go back
    into one (a worker shuts down) while the taken ones are read. See `locate` for the one gap.
    """
    ids_asked = set(run_ids)
    ids = _in_lines(queues, ids_asked)
    if ids_asked - ids:
        ids |= {message.id for _, message in _unacked(client(), keys())} & ids_asked
    return ids | _in_lines(queues, ids_asked - ids)


@reaches_broker
def known_queues() -> set[str]:
    """Every task queue that any process has ever declared on this broker, whoever it was.

    Walks over all keys of the Redis database, in steps that block nobody: ask seldom.
    """
    redis_client, names = client(), keys()
    tables = list(redis_client.scan_iter(names.binding % "*", count=SCAN_COUNT, _type="set"))
    pipe = redis_client.pipeline(transaction=False)
    for table in tables:
        pipe.smembers(table)
    members = set().union(*pipe.execute())
    queues = {member.decode("utf-8", "replace").split(names.separator)[-1] for member in members}
    listed = sorted(queue for queue in queues if not is_reserved(queue))
    for queue in listed:
        pipe.type(names.level(queue, 0).key)
    return {queue for queue, kind in zip(listed, pipe.execute(), strict=True) if kind in (b"list", b"none")}


def is_declared(queue: str) -> bool:
    """Whether anything waits in a queue of this name, or is held; on RabbitMQ also an empty one counts."""
    depth = waiting.depths([queue])[queue]
    return bool(depth.waiting or depth.held)


def _in_lines(queues: Sequence[str], ids_asked: Collection[str]) -> set[str]:
    if not ids_asked:
        return set()
    return set().union(*(waiting.among(queue, ids_asked) for queue in queues))


def _locate_taken(run_id: str) -> Location | None:
    for _, message in _unacked(client(), keys()):
        if message.id == run_id:
            return Location("taken", message.queue, message)
    return None


def _unacked(redis_client: redis.Redis, names: Keys) -> Iterator[tuple[bytes, Message]]:
    """Delivery tag and message of each entry of kombu's hash."""
    yield from _read(redis_client, names, redis_client.hscan_iter(names.unacked, count=SCAN_COUNT))


def _read(
    redis_client: redis.Redis, names: Keys, entries: Iterable[tuple[bytes, bytes]]
) -> Iterator[tuple[bytes, Message]]:
    """The same of entries that were read already: JSON of [message, exchange, routing key]."""
    bound: dict[tuple[str, str], str] = {}
    for tag, value in entries:
        try:
            envelope, exchange, routing_key = json.loads(value)
        except (ValueError, RecursionError, TypeError):
            yield tag, parse(value, "", names.steps[0])
            continue
        raw = json.dumps(envelope).encode()  # as kombu writes it when it gives the message back
        address = str(exchange or ""), str(routing_key or "")
        if address not in bound:
            bound[address] = _queue_at(redis_client, names, *address)
        yield tag, parse(raw, bound[address], names.step_of(declared_step(raw)))


def _queue_at(redis_client: redis.Redis, names: Keys, exchange: str, routing_key: str) -> str:
    """The queue that an address leads to: by name on the default exchange, else as it is bound."""
    if exchange:
        members: Any = redis_client.smembers(names.binding % exchange)
        for member in members:
            key, _, queue = member.decode("utf-8", "replace").split(names.separator)
            if key == routing_key:
                return str(queue)
    return routing_key
