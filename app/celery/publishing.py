"""How Celeriac's own runs are recorded: each message has a priority, and on RabbitMQ the name of its copy."""

from contextlib import suppress
from typing import Any

from app.broker.priority import DEFAULT_PRIORITY, nearest
from app.broker.rabbitmq.dedup import HEADER, new_copy
from app.config import Settings
from celeriac_agent.events import Rules


def rules(settings: Settings) -> Rules:
    """The rules for one deployment; the recorder masks what is told, which is never shown before."""
    return Rules(
        result_max_bytes=settings.result_max_bytes,
        arguments_max_bytes=settings.arguments_max_bytes,
        priority=_or_default,
        prepare=_prepare_copy if settings.uses_rabbitmq else _prepare,
        cancels=True,
    )


def _or_default(priority: Any) -> Any:
    return DEFAULT_PRIORITY if priority is None else priority


def _prepare(headers: dict[str, Any], properties: dict[str, Any]) -> None:
    if properties.get("priority") is None:  # kombu would send 0
        properties["priority"] = DEFAULT_PRIORITY
    with suppress(ValueError):  # publishing it says so
        properties["priority"] = nearest(properties["priority"])


def _prepare_copy(headers: dict[str, Any], properties: dict[str, Any]) -> None:
    """With several copies of a run's message, each is known by a name (see `app.broker.rabbitmq.dedup`)."""
    _prepare(headers, properties)
    if not headers.get(HEADER):
        headers[HEADER] = new_copy()
