"""Writes and reads audit entries."""

import base64
import binascii
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, cast

from flask_babel import gettext as _
from sqlalchemy import Select, Table, insert, select

from app import catalog
from app.audit import origin
from app.audit.models import AuditEntry
from app.errors import Invalid
from app.extensions import db

ARGUMENTS_MAX_BYTES = 4096  # the run itself keeps them all


Thing = tuple[object, str, Mapping[str, Any]]


@dataclass(frozen=True)
class Filter:
    """Which entries; empty fields let all through. `action` is one (`run.submit`) or a group (`run`)."""

    actor: str | None = None
    action: str | None = None
    object_kind: str | None = None
    object_id: str | None = None
    since: datetime | None = None
    until: datetime | None = None


@dataclass(frozen=True)
class Page:
    """One page of entries, newest first, and the cursor of the next one."""

    items: Sequence[AuditEntry] = field(default_factory=list)
    next_cursor: str | None = None


def record(
    action: str,
    now: datetime,
    kind: str = "",
    id: object = "",
    name: str = "",
    actor: str | None = None,
    **details: Any,
) -> None:
    """Note a change inside the caller's `transaction()`: both are committed, or neither.

    `action` is `noun.verb` (`run.submit`); `kind`, `id` and `name` say what it was done to; `actor` is given
    only where the origin cannot know it yet (signing in). `details` is JSON: values that look secret are
    masked, None is left out.
    """
    db.session.add(AuditEntry(**_entry(action, now, kind, (id, name, details), actor)))


def record_all(action: str, now: datetime, kind: str, things: Iterable[Thing]) -> None:
    """The same change of many things, with an entry for each: id, name and details; see `record`."""
    if entries := [_entry(action, now, kind, thing) for thing in things]:
        db.session.connection().execute(insert(cast(Table, AuditEntry.__table__)), entries)


def _entry(action: str, now: datetime, kind: str, thing: Thing, actor: str | None = None) -> dict[str, Any]:
    by, (id, name, details) = origin.current(), thing
    masked = catalog.mask(None, (), {key: value for key, value in details.items() if value is not None})[1]
    return {
        "at": now,
        "actor": _fit(by.name if actor is None else actor, 64),
        "via": by.via,
        "action": action,
        "object_kind": kind or None,
        "object_id": _fit(str(id), 255) or None,
        "object_name": _fit(name, 255) or None,
        "details": masked or None,
        "address": by.address,
    }


def arguments(args: Sequence[Any] | None, kwargs: Mapping[str, Any] | None) -> dict[str, Any]:
    """Masked arguments as details of an entry: each that is given, or how many bytes they take if many."""
    size = len(json.dumps([args, kwargs], default=str))
    if size > ARGUMENTS_MAX_BYTES:
        return {"arguments_bytes": size}
    return {"args": list(args or ()) or None, "kwargs": dict(kwargs or {}) or None}


def page(wanted: Filter, limit: int = 50, cursor: str | None = None) -> Page:
    """Entries that match, newest first, by keyset over the id; raises `Invalid` for a bad cursor."""
    query = _matching(wanted).order_by(AuditEntry.id.desc())
    if cursor:
        query = query.where(AuditEntry.id < _decode(cursor))
    found = list(db.session.scalars(query.limit(limit + 1)))
    items = found[:limit]
    return Page(items, _encode(items[-1].id) if len(found) > limit else None)


def _matching(wanted: Filter) -> Select[AuditEntry]:
    query = select(AuditEntry)
    for column, value in (
        (AuditEntry.actor, wanted.actor),
        (AuditEntry.object_kind, wanted.object_kind),
        (AuditEntry.object_id, wanted.object_id),
    ):
        if value:
            query = query.where(column == value)
    if wanted.action and "." in wanted.action:
        query = query.where(AuditEntry.action == wanted.action)
    elif wanted.action:
        query = query.where(AuditEntry.action.startswith(f"{wanted.action}.", autoescape=True))
    if wanted.since:
        query = query.where(AuditEntry.at >= wanted.since)
    if wanted.until:
        query = query.where(AuditEntry.at < wanted.until)
    return query


def _fit(text: str, length: int) -> str:
    """Text that every database takes: no NUL, no half characters, not longer than the column."""
    return text.replace("\x00", "\ufffd").encode("utf-8", "replace").decode("utf-8")[:length]


def _encode(entry_id: int) -> str:
    return base64.urlsafe_b64encode(str(entry_id).encode()).decode().rstrip("=")


def _decode(cursor: str) -> int:
    try:
        text = base64.urlsafe_b64decode(cursor.encode("ascii") + b"=" * (-len(cursor) % 4)).decode("ascii")
        if not text.isdecimal() or len(text) > 18:
            raise ValueError(text)
        return int(text)
    except (ValueError, binascii.Error):
        raise Invalid({"cursor": [_("This cursor is not one that a list returned.")]}) from None
