"""Kombu's Redis transport with rules built in: hold everything new, pause, and one task's rate limit.

What a worker takes is decided as for every worker that obeys (see `celeriac_agent.transport`). Whether a
message is held is decided in the very step in which kombu would publish it, inside Redis. Bytes and keys in
Redis stay kombu's, and the numbers of priorities too: in the process itself a task's 9 goes first (see
`Message`). A queue that would be another key is refused.
"""

# mypy: allow-untyped-calls
# (kombu's own methods have no types)

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import datetime
from queue import Empty
from typing import Any

from kombu.transport import redis as kombu_redis
from kombu.transport import virtual
from kombu.utils.json import dumps
from redis.exceptions import ResponseError

from app.broker import dead_letters, repair
from app.broker.connection import LUA_FOLDER
from app.broker.messages import id_of
from app.broker.priority import from_broker, nearest, to_broker
from app.broker.redis.holding import facts
from celeriac_agent import transport
from celeriac_agent.keys import OWN_PREFIX, is_key

PUT = (LUA_FOLDER / "put.lua").read_text()

logger = logging.getLogger(__name__)
_hold: ContextVar[str] = ContextVar("hold", default="")


def install() -> None:
    """Make this the transport of every Redis URL in the process. Call it before anything connects."""
    transport.install(("redis", Transport), ("rediss", Transport), ("sentinel", SentinelTransport))


@contextmanager
def publishing_held(by: str, reason: str, now: datetime) -> Iterator[None]:
    """Everything published inside goes among the held messages of its queue; no worker sees it before."""
    token = _hold.set(facts(by, reason, now))
    try:
        yield
    finally:
        _hold.reset(token)


class Message(virtual.Message):
    """A message as a consumer sees it: a task's priority counts as ours, 9 first; in Redis 0 goes first."""

    def __init__(self, payload: dict[str, Any], channel: Any = None, **options: Any) -> None:
        super().__init__(payload, channel, **options)
        if _is_task(self.headers):
            step = channel._get_message_priority(payload)
            self.properties = self.properties | {"priority": from_broker(step)}

    def serializable(self) -> dict[str, Any]:
        values: dict[str, Any] = super().serializable()
        return values | {"properties": self._raw["properties"]}


class Channel(transport.Channel):
    """A channel that publishes and takes by the rules."""

    Message = Message

    def queue_declare(self, queue: str | None = None, *args: Any, **kwargs: Any) -> Any:
        """Declare a queue; raises ValueError where its name is another key's."""
        if queue and is_key(queue):
            raise ValueError(f"{queue} is not free for a queue: it is the name of another key in Redis")
        return super().queue_declare(queue, *args, **kwargs)

    def _q_for_pri(self, queue: str, pri: int) -> str:
        """The list of a level; never another key, wherever the queue's name came from."""
        name: str = super()._q_for_pri(queue, pri)
        return f"{OWN_PREFIX}aside:{name}" if is_key(queue) else name

    def prepare_message(
        self,
        body: Any,
        priority: Any = None,
        content_type: str | None = None,
        content_encoding: str | None = None,
        headers: dict[str, Any] | None = None,
        properties: dict[str, Any] | None = None,
    ) -> Any:
        """Give a task's message the number by which Redis puts 9 first."""
        if _is_task(headers):
            priority = to_broker(nearest(priority))
        return super().prepare_message(body, priority, content_type, content_encoding, headers, properties)

    def _run(self, script: str, lists: list[str], *arguments: Any) -> Any:
        """Run a script; where one of its keys holds what was sent to a queue of its name, mend that first."""
        with self.conn_or_acquire() as client:
            try:
                return client.eval(script, len(lists), *lists, *arguments)
            except ResponseError as error:
                if not (repair.is_needed(error) and repair.mend(client, self._names)):
                    raise
                return client.eval(script, len(lists), *lists, *arguments)

    def _put(self, queue: str, message: dict[str, Any], **kwargs: Any) -> None:
        """Publish into the line or among the held ones, as the script decides."""
        if queue in self._expires:  # kombu's short-lived reply queues carry no tasks
            super()._put(queue, message, **kwargs)
            return
        names, raw = self._names, dumps(message)
        level = names.level(queue, names.step_of(self._get_message_priority(message)))
        lists = [level.key, names.held(queue), names.held_facts(queue), names.hold_new, names.allowed(queue)]
        arguments = (raw, _run_id(message, raw), queue, _hold.get())
        batch = kwargs.get("_publish_batch")
        if batch is not None:
            batch.add("eval", PUT, len(lists), *lists, *arguments)
            return
        self._run(PUT, lists, *arguments)

    def _next_queues(self) -> list[str]:
        return [queue for queue in super()._next_queues() if not is_key(queue)]

    def _get(self, queue: str, timeout: Any = None) -> Any:
        with self.conn_or_acquire() as client:
            for step in self.priority_steps:
                while raw := client.rpop(self._q_for_pri(queue, step)):
                    if (message := self._readable(queue, raw)) is not None:
                        self._maybe_update_queues_expire(client, queue)
                        return message
            self._maybe_update_queues_expire(client, queue)
        raise Empty()

    def _set_aside(self, queue: str, raw: bytes, why: str, waiting: tuple[str, bytes] | None = None) -> None:
        logger.error("what lay in the queue %s is no message and is set aside: %s", queue, why)
        with self.conn_or_acquire() as client:
            dead_letters.set_aside(
                client, dead_letters.MESSAGE, raw, f"{queue}: no message of kombu's: {why}"
            )
            if waiting:
                client.lrem(waiting[0], -1, waiting[1])

    def _deliver_taken(
        self,
        queue: str,
        callback: Callable[[Any], Any],
        raw_message: dict[str, Any],
        waiting: tuple[str, bytes] | None = None,
    ) -> Any:
        delivery = raw_message["properties"].get("delivery_info") or {}
        if is_key(str(delivery.get("routing_key"))):  # given back, it goes to where it came from
            delivery |= {"exchange": "", "routing_key": queue}
        return super()._deliver_taken(queue, callback, raw_message, waiting)

    def _run_id(self, message: dict[str, Any], raw: str) -> str:
        return _run_id(message, raw)


class SentinelChannel(Channel, transport.SentinelChannel):
    """The same by way of Sentinel."""


class Transport(kombu_redis.Transport):
    """Kombu's Redis transport with our channel."""

    Channel = Channel


class SentinelTransport(kombu_redis.SentinelTransport):
    """Kombu's Sentinel transport with our channel."""

    Channel = SentinelChannel


def _is_task(headers: Any) -> bool:
    return isinstance(headers, dict) and "task" in headers


def _run_id(message: dict[str, Any], raw: str) -> str:
    run_id = (message.get("headers") or {}).get("id")
    return run_id if isinstance(run_id, str) and run_id else id_of(raw.encode())
