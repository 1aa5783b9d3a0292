"""A worker of another app that obeys, on Redis: pauses and holds of its queues, one message a free slot.

All that it needs lies in its own Redis. While Celeriac is away it obeys what was said last. What it took and
does not live to finish is given out again by Celeriac, else after the visibility timeout as for any worker:
the process says every two seconds that it lives, and beside what it takes that it has it.
"""

import logging
import os
import secrets
import threading
import time
from typing import Any

import redis
from celery import Celery, bootsteps

from celeriac_agent import limited, presence, transport
from celeriac_agent.keys import Keys, keys_of
from celeriac_agent.presence import OBEYS, SLOTS
from celeriac_agent.slots import Slots, take_one_a_slot
from celeriac_agent.worker import pool_name

ALIVE_SECONDS = 2.0
ANSWER_SECONDS = 5.0
FORGOTTEN_SECONDS = 7 * 86400.0  # a process that was killed and has said nothing since
ALIVE = "redis.call('HSET', KEYS[1], ARGV[1], redis.call('TIME')[1])"

logger = logging.getLogger(__name__)


def install(app: Celery) -> None:
    """Let the worker that this process is about to be obey. Call it before its consumer is made."""
    transport.install(*transport.REDIS)
    app.steps["consumer"].add(Obeying)


class Obeying(bootsteps.StartStopStep):  # type: ignore[misc]  # Celery ships no types
    """Has the worker take by the rules, and say in its Redis that it lives."""

    requires = ("celery.worker.consumer.tasks:Tasks",)

    def __init__(self, consumer: Any, **options: Any) -> None:
        super().__init__(consumer, **options)
        self._process = f"{consumer.hostname}/{os.getpid()}-{secrets.token_hex(4)}"
        self._slots = Slots(consumer, pool_name(consumer.pool))
        self._alive: Alive | None = None
        take_one_a_slot(consumer)
        transport.take_as(consumer.hostname, self._process)
        limited.by(lambda: limited.exhausted(consumer))

    def start(self, consumer: Any) -> None:
        """Called whenever the worker has reached its broker, before it takes anything."""
        channel = consumer.task_consumer.channel
        if not isinstance(channel, transport.Channel):
            logger.error("CELERIAC_AGENT_MANAGE: %s is no transport of kombu's", type(channel).__module__)
            return
        self._slots.listen(consumer)
        if self._alive is None:
            self._alive = Alive(_client_of(channel), keys_of(channel), self._process)
            self._alive.start()
        presence.tell_too({"obeys": [act for act in OBEYS if act != SLOTS or self._slots.counts]})

    def shutdown(self, consumer: Any) -> None:
        """The worker leaves; what it had goes back as kombu does it."""
        if self._alive is not None:
            self._alive.stop()


class Alive:
    """Says that a process lives, in a thread: a task of the pool solo must not look like death."""

    def __init__(self, client: redis.Redis, names: Keys, process: str) -> None:
        self._client, self._names, self._process = client, names, process
        self._gone = threading.Event()
        self._thread = threading.Thread(target=self._say_on, name="celeriac-alive", daemon=True)

    def start(self) -> None:
        """Say it once before anything is taken, then go on."""
        self._say()
        self._tidy()
        self._thread.start()

    def stop(self) -> None:
        """Say no more; who left as it should is forgotten."""
        self._gone.set()
        self._thread.join(ALIVE_SECONDS)
        try:
            self._client.hdel(self._names.alive, self._process)
        except redis.RedisError:  # it is forgotten later
            return

    def _say_on(self) -> None:
        while not self._gone.wait(ALIVE_SECONDS):
            self._say()

    def _say(self) -> None:
        try:
            self._client.eval(ALIVE, 1, self._names.alive, self._process)
        except redis.RedisError:  # its broker is away, as the worker itself says
            return

    def _tidy(self) -> None:
        try:
            heard: Any = self._client.hgetall(self._names.alive)
            old = [name for name, at in heard.items() if time.time() - float(at) > FORGOTTEN_SECONDS]
            if old:
                self._client.hdel(self._names.alive, *old)
        except (redis.RedisError, ValueError):
            return


def _client_of(channel: Any) -> redis.Redis:
    """A client of its own at the channel's Redis, which waits for no answer without end."""
    if hasattr(channel, "_sentinel_managed_pool"):
        return redis.Redis(connection_pool=channel._sentinel_managed_pool())
    options = dict(channel._connparams())
    options["socket_timeout"] = options.get("socket_timeout") or ANSWER_SECONDS
    return redis.Redis(connection_pool=redis.ConnectionPool(**options))
