"""Kombu's Redis transport for a worker that obeys: what is paused, what is to be held, a task's rate limit.

Whether a message may be taken is decided inside Redis, in the very step in which kombu would note that a
worker took it, so that there is no moment in which a message slips through. Of a task that may not start now,
by its rate limit, a worker takes nothing: it looks past its messages (see `limited`). Bytes and keys in Redis
stay kombu's, and nothing is published in another way.
"""

# mypy: allow-untyped-calls
# (kombu's own methods have no types)

import logging
import re
import time
from collections.abc import Callable
from contextlib import suppress
from functools import cached_property, partial
from hashlib import sha1
from pathlib import Path
from queue import Empty
from typing import Any
from weakref import WeakSet

from kombu import transport as kombu_transport
from kombu.transport import redis as kombu_redis
from kombu.transport import virtual
from kombu.utils.encoding import bytes_to_str
from kombu.utils.json import dumps, loads

from celeriac_agent import limited
from celeriac_agent.keys import Keys, keys_of
from celeriac_agent.qos import QoS

PAUSE_CHECK_SECONDS = 1.0
# While nothing is paused nothing can be resumed, and of a new pause a worker is told, or the script refuses.
UNPAUSED_CHECK_SECONDS = 10.0
LEAST_SECONDS = 0.002  # what Redis 6 takes for less than a millisecond it waits for without end
TAKE = re.sub(r"(?m)^--.*\n", "", Path(__file__).with_name("take.lua").read_text())  # it is sent each time
TAKEN = "celeriac-taken"  # beside a taken message: which process has it, and since when
# Puts what is no message of kombu's out of the way. KEYS: its list, the list it goes to. ARGV: its bytes, and
# whether it still lies in its list.
SET_ASIDE = """
if ARGV[2] == '1' then redis.call('LREM', KEYS[1], -1, ARGV[1]) end
return redis.call('LPUSH', KEYS[2], ARGV[1])
"""

logger = logging.getLogger(__name__)
_channels: WeakSet[Any] = WeakSet()
_worker = ""  # the worker that this process is
_process = ""  # the name of this process, where it says beside what it takes that it has it


def install(*transports: tuple[str, type]) -> None:
    """Make a class the transport of these URLs in the process. Call it before anything connects.

    Kombu's own registry is the only way in that also holds for its pooled connections and for Unix sockets.
    """
    for name, kind in transports:
        kombu_transport.TRANSPORT_ALIASES[name] = f"{kind.__module__}:{kind.__qualname__}"
        kombu_transport._transport_cache.pop(name, None)


def take_as(hostname: str, process: str = "") -> None:
    """Say which worker this process is, so that it takes nothing while that worker is paused."""
    global _worker, _process
    _worker, _process = hostname, process


def obey_now() -> bool:
    """Read the pauses at once instead of within a second; whether this process's worker is paused."""
    for channel in list(_channels):
        channel._read_pauses()
    return any(channel._worker_paused for channel in _channels)


class Channel(kombu_redis.Channel):
    """A channel that takes by the rules."""

    QoS = QoS
    _paused: frozenset[str] = frozenset()
    _worker_paused = False
    _pauses_read_at = float("-inf")
    _kept: tuple[Any, Any] = (None, None)  # a pool and its client
    _address: dict[str, Any] | None = None  # where Redis is, also when the connection has been given up
    _scan: limited.Scan | None = None  # there while messages wait that the worker may not start

    def _create_client(self, asynchronous: bool = False) -> Any:
        """One client a pool: kombu's new one for every acknowledgement is a quarter of a worker's work."""
        if asynchronous:
            return super()._create_client(asynchronous=True)
        pool = self.pool
        if self._kept[0] is not pool:
            self._kept = (pool, super()._create_client())
        return self._kept[1]

    def _connparams(self, asynchronous: bool = False) -> dict[str, Any]:
        """As kombu's; and of a channel whose connection is lost: what it took is acknowledged later."""
        if self._address and getattr(self.connection, "client", None) is None:
            return dict(self._address)
        params: dict[str, Any] = super()._connparams(asynchronous=asynchronous)
        if not asynchronous:
            self._address = dict(params)
        return params

    @cached_property
    def _names(self) -> Keys:
        return keys_of(self)

    def _list(self, queue: str, step: int) -> str:
        """The list of a level."""
        return f"{self._names.prefix}{self._q_for_pri(queue, step)}"

    def _list_of(self, queue: str, message: dict[str, Any]) -> str:
        return self._list(queue, self._names.step_of(self._get_message_priority(message)))

    def _run(self, script: str, lists: list[str], *arguments: Any) -> Any:
        """Run a script."""
        with self.conn_or_acquire() as client:
            return client.eval(script, len(lists), *lists, *arguments)

    def basic_consume(
        self, queue: str, no_ack: bool, callback: Callable[[Any], Any], consumer_tag: str, **kwargs: Any
    ) -> Any:
        """Consume as kombu does, but deliver only what the script lets a worker take."""
        self.qos.settle()
        answer = super().basic_consume(queue, no_ack, callback, consumer_tag, **kwargs)
        if not no_ack and self.ack_emulation:
            deliver = partial(self._deliver_taken, queue, callback)
            self.connection._callbacks[queue] = deliver
            _channels.add(self)
        return answer

    def _basic_cancel(self, consumer_tag: str) -> Any:
        """As kombu's; who takes from no queue any more leaves no message in the answer that is under way.

        A worker that shuts down ends its runs before it reads again, which may take hours.
        """
        answer = super()._basic_cancel(consumer_tag)
        if self._in_poll and not super().active_queues:
            with suppress(Empty):
                self._brpop_read()
        return answer

    @property
    def active_queues(self) -> list[str]:
        """The queues to take from: those consumed and not paused; none while the worker is paused."""
        consumed: list[str] = super().active_queues
        known = self._worker_paused or self._paused
        patience = PAUSE_CHECK_SECONDS if known else UNPAUSED_CHECK_SECONDS
        if consumed and time.monotonic() - self._pauses_read_at >= patience:
            self._pauses_read_at = time.monotonic()
            with suppress(*self.connection_errors):  # taking will say the same, where kombu expects it
                self._read_pauses()
        return [] if self._worker_paused else [queue for queue in consumed if queue not in self._paused]

    def _next_queues(self) -> list[str]:
        """The queues to take from, in the order of their turns."""
        return list(self._queue_cycle.consume(len(self.active_queues)))

    def _brpop_start(self, *timeout: Any) -> None:
        """Ask Redis for the next message; while some may not be started, look for it past those."""
        if self._scan is None:
            super()._brpop_start(*timeout)
            return
        seconds = self._take_next(self._scan)
        if seconds is None:
            self._scan = None
            super()._brpop_start(*timeout)
            return
        self._in_poll = self.client.connection  # the loop goes on when this comes back, with nothing
        self._brpop_sent_at = time.monotonic()  # type: ignore[assignment]
        self.client.connection.send_command("BRPOP", self._names.nothing, f"{seconds:.3f}")

    def _take_next(self, scan: limited.Scan) -> float | None:
        """Take the first message that may be started.

        Returns in how many seconds to look again, or None when nothing waits.
        """
        queues = self._next_queues()
        if not queues:
            return limited.AGAIN_SECONDS
        lines = [(queue, step) for step in self.priority_steps for queue in queues]
        lists = [self._list(queue, step) for queue, step in lines]
        waits = limited.now()
        hit = scan.next(self._run, lists, list(waits))
        if not hit.waiting:
            return None
        if hit.index:
            queue = lines[hit.index - 1][0]
            self._queue_cycle.rotate(queue)
            waiting = (lists[hit.index - 1], hit.raw)
            if (message := self._readable(queue, hit.raw, waiting)) is not None:
                self.connection._callbacks[queue](message, waiting)
            return LEAST_SECONDS
        return max(min([limited.AGAIN_SECONDS, *waits.values()]), LEAST_SECONDS)

    def _brpop_read(self, **options: Any) -> bool:
        """As kombu's, but what is no message is set aside instead of ending the worker."""
        try:
            try:
                answer = self.client.parse_response(self.client.connection, "BRPOP", **options)
            except self.connection_errors:
                self.client.connection.disconnect()
                raise
            if not answer:
                raise Empty()
            level = bytes_to_str(answer[0])
            queue = level.rsplit(self.sep, 1)[0]
            if queue not in self.connection._callbacks:  # it is not taken from any more
                self._put_back(f"{self._names.prefix}{level}", answer[1])
                return True
            self._queue_cycle.rotate(queue)
            if (message := self._readable(queue, answer[1])) is not None:
                self.connection._deliver(message, queue)
            return True
        finally:
            self._in_poll: Any = None
            if flush := getattr(self, "_flush_brpop_reauth", None):  # newer versions of kombu have it
                flush()

    def _readable(
        self, queue: str, raw: bytes, waiting: tuple[str, bytes] | None = None
    ) -> dict[str, Any] | None:
        """What lay in a list as kombu wrote it; None for anything else, which is set aside."""
        try:
            message = loads(bytes_to_str(raw))
            if why := _not_kombus(message):
                raise ValueError(why)
        except (ValueError, RecursionError) as error:
            self._set_aside(queue, raw, f"{type(error).__name__}: {error}", waiting)
            return None
        values: dict[str, Any] = message
        return values

    def _set_aside(self, queue: str, raw: bytes, why: str, waiting: tuple[str, bytes] | None = None) -> None:
        logger.error("what lay in the queue %s is no message and is set aside: %s", queue, why)
        source, left = waiting or (self._list(queue, 0), raw)
        self._run(SET_ASIDE, [source, self._names.aside(queue)], left, "1" if waiting else "")

    def _deliver_taken(
        self,
        queue: str,
        callback: Callable[[Any], Any],
        raw_message: dict[str, Any],
        waiting: tuple[str, bytes] | None = None,
    ) -> Any:
        """Deliver what was popped, or what `waiting` is still in its list; unless it may not run now."""
        task = (raw_message.get("headers") or {}).get("task")
        if not waiting and isinstance(task, str) and task in limited.now():
            self._requeue(queue, raw_message)
            return None
        raw_message.pop(TAKEN, None)  # as who had it before was called
        try:
            message = self.Message(raw_message, channel=self)
        except Exception as error:  # whatever it is, it must not end the worker
            self._set_aside(queue, dumps(raw_message).encode(), f"{type(error).__name__}: {error}", waiting)
            return None
        outcome = self._take(queue, raw_message, message, waiting)
        if outcome == b"paused":
            self._read_pauses()  # or it would be taken again at once
        if outcome != b"taken":
            return None
        virtual.QoS.append(self.qos, message, message.delivery_tag)
        return callback(message)

    def _requeue(self, queue: str, raw_message: dict[str, Any]) -> None:
        """Put a message back where it was, and look past it from now on."""
        self._put_back(self._list_of(queue, raw_message), dumps(raw_message))
        self._scan = limited.Scan()

    def _put_back(self, key: str, raw: bytes | str) -> None:
        self._run("return redis.call('RPUSH', KEYS[1], ARGV[1])", [key], raw)

    def _take(
        self, queue: str, raw_message: dict[str, Any], message: Any, waiting: tuple[str, bytes] | None
    ) -> Any:
        names, raw = self._names, dumps(raw_message)
        source, left = waiting or (self._list_of(queue, raw_message), b"")
        modes = [names.paused, source, names.hold_new, names.allowed(queue)]
        lists = [names.unacked, names.unacked_index, *modes, names.held(queue), names.held_facts(queue)]
        lists.append(names.paused_workers)
        delivery = message.delivery_info
        address = f"{dumps(delivery['exchange'])}, {dumps(delivery['routing_key'])}"
        now = repr(time.time())
        mark = f', "{TAKEN}": {dumps(f"{_process} {now}")}}}' if _process else ""
        about = (self._run_id(raw_message, raw), queue, _worker, left, mark)
        return self._run(TAKE, lists, message.delivery_tag, now, raw, address, *about)

    def _read_pauses(self) -> None:
        names = self._names
        with self.conn_or_acquire() as client:
            pipe = client.pipeline(transaction=False)
            pipe.execute_command("HKEYS", names.paused)
            pipe.execute_command("HEXISTS", names.paused_workers, _worker)
            queues, worker = pipe.execute()
        pauses = frozenset(name.decode() for name in queues), bool(worker)
        if pauses != (self._paused, self._worker_paused):
            self._paused, self._worker_paused = pauses
            self._update_queue_cycle()

    def _run_id(self, message: dict[str, Any], raw: str) -> str:
        """As Celeriac calls a message's run."""
        for facts, name in (("headers", "id"), ("properties", "correlation_id")):
            run_id = (message.get(facts) or {}).get(name)
            if isinstance(run_id, str) and run_id:
                return run_id
        return f"foreign-{sha1(raw.encode(), usedforsecurity=False).hexdigest()}"


class SentinelChannel(Channel, kombu_redis.SentinelChannel):
    """The same by way of Sentinel."""

    _had: Any = None  # the pool, also when the connection has been given up

    def _sentinel_managed_pool(self, asynchronous: bool = False) -> Any:
        """As kombu's; and of a channel whose connection is lost: what it took is acknowledged later."""
        if self._had is not None and getattr(self.connection, "client", None) is None:
            return self._had
        pool = super()._sentinel_managed_pool(asynchronous)
        if not asynchronous:
            self._had = pool
        return pool


class Transport(kombu_redis.Transport):
    """Kombu's Redis transport with our channel."""

    Channel = Channel


class SentinelTransport(kombu_redis.SentinelTransport):
    """Kombu's Sentinel transport with our channel."""

    Channel = SentinelChannel


REDIS = (("redis", Transport), ("rediss", Transport), ("sentinel", SentinelTransport))


def _not_kombus(message: Any) -> str:
    """Why kombu's own code would raise for a message; empty when it has what kombu writes."""
    properties = message.get("properties") if isinstance(message, dict) else None
    delivery = properties.get("delivery_info") if isinstance(properties, dict) else None
    if not isinstance(properties, dict) or not isinstance(delivery, dict):
        return "it has no properties with delivery_info"
    if not isinstance(properties.get("delivery_tag"), str | int):
        return "it has no delivery_tag"
    if not all(isinstance(delivery.get(name), str | None) for name in ("exchange", "routing_key")):
        return "it has no exchange and routing_key"
    return "" if isinstance(message.get("headers"), dict | None) else "its headers are no object"
