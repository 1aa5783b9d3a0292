"""What is paused, as Celeriac's Redis says: queues, and a worker itself."""

from typing import Any

import redis

from celeriac_agent.keys import Keys


def read(client: redis.Redis, names: Keys, hostname: str) -> tuple[frozenset[str], bool]:
    """The paused queues, and whether this worker is. Raises `redis.RedisError`."""
    pipe: Any = client.pipeline(transaction=False)
    pipe.hkeys(names.paused)
    pipe.hexists(names.paused_workers, hostname)
    queues, worker = pipe.execute()
    return frozenset(name.decode("utf-8", "replace") for name in queues), bool(worker)
