"""Which copy of a run's message counts, where messages cannot be taken out of their queue (RabbitMQ).

Each message carries the name of its copy. A worker claims a run for a copy before it starts it; what is
cancelled, or another copy than the one that counts, is thrown away unrun. So a waiting run is cancelled by a
word in Redis, and moved by sending it once more; a run that was sent twice runs once.
"""

from collections.abc import Collection, Mapping
from typing import Any
from uuid import uuid4

from flask import Flask

from app.broker.connection import broker, client, keys, reaches_broker
from app.broker.errors import AlreadyTaken

HEADER = "celeriac_copy"
KEPT_SECONDS = 7 * 86400  # what is cancelled or replaced may wait that long for a worker
TAKEN_SECONDS = 86400  # a second copy follows the first within minutes; every run leaves one of these
STARTS_MAX = 3  # of one attempt: what is given back more often may be what kills the workers
_NESTED = 1_000_000  # a task that replaced itself begins a new count of attempts


def new_copy() -> str:
    """A name for a new copy."""
    return uuid4().hex[:16]


def claim(headers: Mapping[str, Any], redelivered: bool, worker: str, flask_app: Flask) -> bool:
    """Whether a worker may run this message; it is then the only copy of its attempt that may.

    `headers` are those of the message; one that is `redelivered` may have been claimed before, at most three
    times. Raises `redis.RedisError`.
    """
    attempt = (headers.get("replaced_task_nesting") or 0) * _NESTED + (headers.get("retries") or 0)
    connection = broker(flask_app)
    arguments = [attempt, headers.get(HEADER) or "", worker, int(redelivered), STARTS_MAX, TAKEN_SECONDS]
    return bool(connection.run("claim", [connection.keys.copies(headers["id"])], arguments))


@reaches_broker
def cancel(run_id: str) -> None:
    """Let no copy of a waiting run's message run. Raises AlreadyTaken."""
    if not broker().run("cancel_copies", [keys().copies(run_id)], [KEPT_SECONDS]):
        raise AlreadyTaken(run_id)


@reaches_broker
def forbid(run_id: str) -> None:
    """Let no copy run any more, also one that RabbitMQ delivers again because its worker died."""
    pipe = client().pipeline(transaction=True)
    pipe.hset(keys().copies(run_id), "cancelled", 1)
    pipe.expire(keys().copies(run_id), KEPT_SECONDS)
    pipe.execute()


@reaches_broker
def give_back(run_id: str, worker: str) -> None:
    """Note that what a dead worker had taken waits again; nothing where another has taken it since."""
    broker().run("give_back_copy", [keys().copies(run_id)], [worker])


@reaches_broker
def starts(run_id: str) -> int:
    """How often workers have started the present attempt; 0 when none has."""
    starts: Any = client().hget(keys().copies(run_id), "starts")
    return int(starts or 0)


@reaches_broker
def replace(run_id: str, copy: str) -> None:
    """Let only this copy of a waiting run's message run. It is sent already: what is sent in vain is
    thrown away, what counts and was never sent would be lost. Raises AlreadyTaken.
    """
    if not broker().run("replace_copy", [keys().copies(run_id)], [copy, KEPT_SECONDS]):
        raise AlreadyTaken(run_id)


@reaches_broker
def taken(run_ids: Collection[str]) -> set[str]:
    """Which of the runs a worker has taken."""
    ids = sorted(run_ids)
    pipe = client().pipeline(transaction=False)
    for run_id in ids:
        pipe.hexists(keys().copies(run_id), "taken")
    return {run_id for run_id, known in zip(ids, pipe.execute(), strict=True) if known}
