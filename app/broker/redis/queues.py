"""All that Redis answers as a broker (see `adapter`)."""
# ruff: noqa: F401 - the adapter finds them here by name

from typing import Any

from app.broker.answers import Capabilities
from app.broker.connection import client, reaches_broker
from app.broker.redis.changes import hold, move, remove, reprioritise, send_to
from app.broker.redis.holding import find_held, held, held_count, held_ids, release, release_all
from app.broker.redis.holding_new import hold_new, holding_new, stop_holding_new, sweep
from app.broker.redis.location import is_declared, known_queues, locate, out, unacked
from app.broker.redis.newcomers import newcomers
from app.broker.redis.purges import purge, purged, restore
from app.broker.redis.waiting import depths, find, oldest_sent_at, page

CAPABILITIES = Capabilities(
    name="Redis",
    order=True,
    reading=True,
    hold=True,
    gives_back=False,
    exact_slots=True,
    apart=False,
)
# What cannot be sent at once is sent later, out of the outbox.
PATIENCE: dict[str, Any] = {"retry": False}


@reaches_broker
def ping() -> None:
    """Ask for nothing; raises `BrokerUnavailable` when there is no answer."""
    client().ping()


@reaches_broker
def version() -> str:
    """The name and version that the server gives itself."""
    info: Any = client().info("server")
    return f"Redis {info.get('redis_version', '?')}"
