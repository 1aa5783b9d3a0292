"""Rate and time limits that people set while workers run; workers that start later take them over."""

import json
import time
from typing import Any

import redis

from celeriac_agent import limited

LIMITS = "celeriac:limits"  # hash: task → {"rate_limit": "10/m", "time_limit": s, "soft_time_limit": s}


def kept(client: redis.Redis) -> dict[str, dict[str, Any]]:
    """The limits that were set, by task; a limit of None was lifted, a missing one is the task's own."""
    entries: Any = client.hgetall(LIMITS)
    return {name.decode(): json.loads(value) for name, value in entries.items()}


def keep(client: redis.Redis, task_name: str, limits: dict[str, Any]) -> None:
    """Keep the limits of a task for workers that start later."""
    client.hset(LIMITS, task_name, json.dumps(limits))


def adopt(consumer: Any, client: redis.Redis) -> None:
    """Give the tasks of a worker the limits that were set.

    Its strategies are made anew, because they hold the time limits that a task had when they were made:
    Celery's own command `time_limit` does not reach them.
    """
    for name, limits in kept(client).items():
        task = consumer.app.tasks.get(name)
        if task is None:
            continue
        for limit, value in limits.items():
            setattr(task, limit, value)
        consumer.strategies[name] = task.start_strategy(consumer.app, consumer)
    consumer.reset_rate_limits()


def rates(consumer: Any) -> dict[str, dict[str, Any]]:
    """The rate limits that the worker obeys, by task, and when it may start the next run; None: now."""
    waits, now = limited.exhausted(consumer), time.time()
    buckets = {} if consumer.disable_rate_limits else consumer.task_buckets
    return {
        name: {
            "limit": str(consumer.app.tasks[name].rate_limit),
            "per_second": bucket.fill_rate,
            "next_at": now + waits[name] if name in waits else None,
        }
        for name, bucket in buckets.items()
        if bucket is not None
    }
