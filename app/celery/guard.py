"""A message that a worker cannot work with is set aside: it must not end the worker, nor the next one."""

import logging
from collections.abc import Callable
from typing import Any

import redis
from celery.worker import state as worker_state
from kombu.exceptions import OperationalError

from app.broker import dead_letters

logger = logging.getLogger(__name__)


def install(consumer: Any, client: redis.Redis) -> None:
    """Look at each message before Celery does, and catch what it raises for one."""
    make = consumer.create_task_handler
    away = (OSError, redis.RedisError, OperationalError, *consumer.connection_errors)

    def create_task_handler(*args: Any, **kwargs: Any) -> Callable[[Any], None]:
        handle = make(*args, **kwargs)

        def on_message(message: Any) -> None:
            why = _problem(message.headers)
            try:
                if not why:
                    handle(message)
                    return
            except away:
                raise
            except Exception as error:  # Celery trusts what a message says of itself
                logger.exception("a message cannot be worked with")
                why = f"{type(error).__name__}: {error}"
            _set_aside(consumer, client, message, why)

        return on_message

    consumer.create_task_handler = create_task_handler


def _problem(headers: Any) -> str:
    """Why a task message of Celery's second protocol ends a worker; of the others Celery takes care."""
    if not isinstance(headers, dict) or "task" not in headers:
        return ""
    for name in ("id", "task"):
        if not isinstance(headers.get(name), str):
            return f"its {name} is no text"
    limits = headers.get("timelimit")
    pair = isinstance(limits, list) and len(limits) == 2
    if limits is not None and not (pair and all(isinstance(limit, int | float | None) for limit in limits)):
        return "its timelimit is no pair of numbers"  # a pool would keep a slot for it
    return ""


def _set_aside(consumer: Any, client: redis.Redis, message: Any, why: str) -> None:
    logger.error("a message is set aside: %s", why)
    run_id = message.headers.get("id") if isinstance(message.headers, dict) else None
    if isinstance(run_id, str) and (request := worker_state.requests.get(run_id)) is not None:
        worker_state.task_ready(request)  # it takes up no slot
    content = {"headers": message.headers, "body": repr(message.body)}
    dead_letters.set_aside(client, dead_letters.MESSAGE, content, f"a worker cannot work with it: {why}")
    if not message.acknowledged:
        message.reject_log_error(logger, consumer.connection_errors)
