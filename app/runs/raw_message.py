"""A run's message as it lies in the broker, secrets masked."""

from typing import Any

from app import broker, catalog
from app.broker import Message
from app.runs.models import Run

_REPRESENTATIONS = ("argsrepr", "kwargsrepr")  # Celery's own words for the arguments: they may show a secret


def raw_message(run: Run, info: catalog.TaskInfo | None) -> tuple[str, dict[str, Any]] | None:
    """Where the message is (`waiting`, `held` or `taken`) and what it says; None when it is gone.

    Raises `BrokerUnavailable`.
    """
    location = broker.locate(run.id, [run.queue] if run.queue else [])
    return (location.where, readable(location.message, info)) if location else None


def readable(message: Message, info: catalog.TaskInfo | None) -> dict[str, Any]:
    """The message as plain JSON with its secrets masked; what follows it in a workflow by its names alone."""
    headers = {name: value for name, value in message.headers.items() if name not in _REPRESENTATIONS}
    plain: dict[str, Any] = {
        "queue": message.queue,
        "priority": message.priority,
        "size_bytes": message.size,
        "content_type": message.content_type,
        "reply_to": message.reply_to,
        "redelivered": message.redelivered,
        "headers": catalog.hide(None, [], {"headers": headers})[1]["headers"],
    }
    if message.unread:
        return plain | {"unread": message.unread}
    args, kwargs, masked = catalog.mask(info, message.args or [], message.kwargs or {})
    plain |= {"args": args, "kwargs": kwargs}
    return plain | ({"masked": masked} if masked else {})
