"""Takes into the history what waits and was sent past it: by a plain Celery app, or by hand."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import select

from app.broker import Message
from app.celery import event_shape
from app.extensions import db
from app.runs import history
from app.runs.history import Mask
from app.runs.models import Run

CHUNK = 500


def adopt(messages: Sequence[Message], mask: Mask, now: datetime) -> list[str]:
    """Make rows for task messages of which nobody told; returns their ids."""
    adopted: list[str] = []
    for start in range(0, len(messages), CHUNK):
        waiting = {
            message.id: message
            for message in messages[start : start + CHUNK]
            if message.task_name and not message.foreign
        }
        known = set(db.session.scalars(select(Run.id).where(Run.id.in_(waiting))))
        events = [_event(message, now) for message in waiting.values() if message.id not in known]
        adopted += history.record([event for event in events if not event_shape.problem(event)], mask)
    return adopted


def _event(message: Message, now: datetime) -> dict[str, Any]:
    """What its sender would have told, as far as the message says it."""
    values: dict[str, Any] = {
        "type": "sent",
        "id": message.id,
        "task": message.task_name,
        "at": now.timestamp(),
        "queue": message.queue,
        "priority": message.priority,
        "root_id": message.root_id,
        "parent_id": message.parent_id,
        "group": message.group_id,
        "origin": message.origin,
        "eta": message.eta.isoformat() if message.eta else None,
        "expires": message.expires.isoformat() if message.expires else None,
    }
    if message.args is not None:
        values |= {"args": message.args, "kwargs": message.kwargs}
    return {name: value for name, value in values.items() if value is not None}
