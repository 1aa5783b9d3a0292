"""What a waiting message says: kombu's JSON read into plain values, whoever sent it, without ever failing."""

import base64
import binascii
import json
import zlib
from dataclasses import dataclass, field
from datetime import UTC, datetime
from hashlib import sha1
from typing import Any

from app.broker.priority import from_broker, to_broker
from app.broker.run_ids import is_run_id

FOREIGN_PREFIX = "foreign-"
STAMP_HEADER = "celeriac"  # what our own senders add: {"sent_at": epoch seconds, "priority": 0..9}
BODY_LIMIT_BYTES = 1_000_000
INFLATED_LIMIT_BYTES = 100_000_000
ZLIB = "application/x-gzip"  # kombu's name for what its `gzip` and `zlib` compressions write


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """One message of a queue.

    `foreign`: no Celery task message (or no JSON at all, or with an id that can be no link); its id is then
    made from its bytes.
    `args` and `kwargs` are None when they are not shown, and `unread` says why: `serializer` (pickle, YAML
    … are never decoded), `compression`, `too-large`, `undecodable`, `foreign`, `broker`.
    `position` counts from 1 (the next one to be taken); None where the message is not in the line.
    """

    id: str
    queue: str
    raw: bytes = field(repr=False)
    priority: int
    step: int
    foreign: bool = False
    task_name: str | None = None
    args: list[Any] | None = None
    kwargs: dict[str, Any] | None = None
    unread: str = ""
    content_type: str | None = None
    attempt: int = 0
    eta: datetime | None = None
    expires: datetime | None = None
    root_id: str | None = None
    parent_id: str | None = None
    group_id: str | None = None
    origin: str | None = None
    reply_to: str | None = None
    sent_at: datetime | None = None
    redelivered: bool = False
    headers: dict[str, Any] = field(default_factory=dict)
    position: int | None = None

    @property
    def size(self) -> int:
        """Bytes in Redis."""
        return len(self.raw)


def parse(
    raw: bytes, queue: str, step: int, position: int | None = None, body_limit: int | None = BODY_LIMIT_BYTES
) -> Message:
    """Read a message that lies in the level `step` of `queue`. Never raises: what cannot be read is foreign.

    The priority is that of the level, because the level decides when it is taken. Bodies longer than
    `body_limit` bytes are left unread (None: no limit), because a page of messages may hold many of them.
    """
    envelope = _json_object(raw)
    if envelope is None:
        return _foreign(raw, queue, step, position)
    headers, properties = _dict(envelope.get("headers")), _dict(envelope.get("properties"))
    modern = "task" in headers  # protocol 2; protocol 1 tells in its body what it is, so that has to be read
    body, unread = _body(envelope, headers, properties, body_limit if modern else None)
    facts = headers if modern else _protocol_1(body, unread, properties)
    run_id, task_name = facts.get("id"), facts.get("task")
    if not is_run_id(run_id) or not isinstance(task_name, str | None):
        return _foreign(raw, queue, step, position, headers)
    args, kwargs, unread = _arguments(body, unread)
    stamp = _dict(headers.get(STAMP_HEADER))
    delivery = _dict(properties.get("delivery_info"))
    return Message(
        id=run_id,
        queue=queue,
        raw=raw,
        priority=from_broker(step),
        step=step,
        task_name=task_name,
        args=args,
        kwargs=kwargs,
        unread=unread,
        content_type=_text(envelope.get("content-type")),
        attempt=_number(facts.get("retries")),
        eta=_time(facts.get("eta")),
        expires=_time(facts.get("expires")),
        root_id=_related(facts.get("root_id")),
        parent_id=_related(facts.get("parent_id")),
        group_id=_related(facts.get("group") or facts.get("taskset")),
        origin=_text(facts.get("origin")),
        reply_to=_text(properties.get("reply_to")),
        sent_at=_epoch(stamp.get("sent_at")),
        redelivered=bool(headers.get("redelivered") or delivery.get("redelivered")),
        headers=headers,
        position=position,
    )


def unread(run_id: str, queue: str, priority: int, task_name: str | None = None) -> Message:
    """A message of which only this much is known, because it lies where nobody can read it."""
    return Message(
        id=run_id,
        queue=queue,
        raw=b"",
        priority=priority,
        step=to_broker(priority),
        task_name=task_name,
        unread="broker",
    )


def id_of(raw: bytes) -> str:
    """The id that `parse` would give, found with less work."""
    envelope = _json_object(raw)
    headers = _dict(envelope.get("headers")) if envelope is not None else {}
    run_id = headers.get("id")
    if is_run_id(run_id) and isinstance(headers.get("task"), str):
        return run_id
    return parse(raw, "", 0, body_limit=0).id


def workflow_options(raw: bytes) -> dict[str, Any]:
    """The third part of a task message's body: `chain`, `chord`, `callbacks` …; empty if unreadable."""
    envelope = _json_object(raw)
    if envelope is None:
        return {}
    body, _unread = _body(
        envelope, _dict(envelope.get("headers")), _dict(envelope.get("properties")), BODY_LIMIT_BYTES
    )
    return _dict(body[2]) if isinstance(body, list) and len(body) > 2 else {}


def declared_step(raw: bytes) -> Any:
    """What the message itself says of its priority, in kombu's numbering and unchecked; None when nothing."""
    envelope = _json_object(raw)
    return _dict(envelope.get("properties")).get("priority") if envelope is not None else None


def foreign_id(raw: bytes) -> str:
    """The id of a message that has none: the same bytes always have the same. `search.lua` makes it too."""
    return FOREIGN_PREFIX + sha1(raw, usedforsecurity=False).hexdigest()


def _foreign(
    raw: bytes, queue: str, step: int, position: int | None, headers: dict[str, Any] | None = None
) -> Message:
    return Message(
        id=foreign_id(raw),
        queue=queue,
        raw=raw,
        priority=from_broker(step),
        step=step,
        foreign=True,
        unread="foreign",
        headers=headers or {},
        position=position,
    )


def _protocol_1(body: Any, unread: str, properties: dict[str, Any]) -> dict[str, Any]:
    """What a message of Celery's protocol 1 says of its run; empty for what is none."""
    if isinstance(body, dict) and "task" in body:
        return body
    if unread and isinstance(properties.get("correlation_id"), str):
        return {"id": properties["correlation_id"], "task": None}
    return {}


def _json_object(raw: bytes) -> dict[str, Any] | None:
    try:
        value = json.loads(raw)
    except (ValueError, RecursionError):  # includes undecodable bytes
        return None
    return value if isinstance(value, dict) else None


def _body(
    envelope: dict[str, Any], headers: dict[str, Any], properties: dict[str, Any], limit: int | None
) -> tuple[Any, str]:
    """The decoded body, and why it is not decoded (empty when it is)."""
    body = envelope.get("body")
    if envelope.get("content-type") != "application/json":
        return None, "serializer"
    if not isinstance(body, str):
        return body, ""
    if limit is not None and len(body) > limit:
        return None, "too-large"
    compression = headers.get("compression")
    if compression not in (None, ZLIB):
        return None, "compression"
    try:
        data = base64.b64decode(body) if properties.get("body_encoding") == "base64" else body.encode()
        plain = _inflate(data, limit or INFLATED_LIMIT_BYTES) if compression else data
        if plain is None:
            return None, "too-large"
        return json.loads(plain, parse_constant=str), ""  # NaN and infinities as words, as in the history
    except (ValueError, RecursionError, binascii.Error, zlib.error):
        return None, "undecodable"


def _inflate(data: bytes, limit: int) -> bytes | None:
    """The decompressed bytes; None when they are more than the limit."""
    stream = zlib.decompressobj()
    plain = stream.decompress(data, limit)
    return None if stream.unconsumed_tail else plain


def _arguments(body: Any, unread: str) -> tuple[list[Any] | None, dict[str, Any] | None, str]:
    """Positional and named arguments from a body of protocol 2 (`[args, kwargs, embed]`) or 1 (an object)."""
    if unread:
        return None, None, unread
    if isinstance(body, dict):
        pair = body.get("args", []), body.get("kwargs", {})
    elif isinstance(body, list) and len(body) >= 2:
        pair = body[0], body[1]
    else:
        return None, None, "undecodable"
    args, kwargs = pair
    if not isinstance(args, list | None) or not isinstance(kwargs, dict | None):
        return None, None, "undecodable"
    return args or [], kwargs or {}, ""


def _dict(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) and value else None


def _related(value: Any) -> str | None:
    return value if is_run_id(value) else None


def _number(value: Any) -> int:
    return value if isinstance(value, int) else 0


def _time(value: Any) -> datetime | None:
    """An ISO 8601 time; one without a zone is UTC, as Celery sends it."""
    try:
        moment = datetime.fromisoformat(value)
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)
    except (TypeError, ValueError, OverflowError):
        return None


def _epoch(value: Any) -> datetime | None:
    try:
        return datetime.fromtimestamp(value, UTC)
    except (TypeError, ValueError, OverflowError, OSError):
        return None
