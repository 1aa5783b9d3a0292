"""Writes and reads audit entries."""

import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, cast

from sqlalchemy import Table, insert

from app import catalog, lists
from app.audit import origin
from app.audit.filters import AuditFilter, matching
from app.audit.models import AuditEntry
from app.extensions import db

ARGUMENTS_MAX_BYTES = 4096  # the run itself keeps them all
_CURSOR = lists.Cursor(int, most=2**63 - 1)


Target = tuple[object, str, Mapping[str, Any]]


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


def record_all(action: str, now: datetime, kind: str, targets: Iterable[Target]) -> None:
    """The same change of many things, with an entry for each: id, name and details; see `record`."""
    if entries := [_entry(action, now, kind, target) for target in targets]:
        db.session.connection().execute(insert(cast(Table, AuditEntry.__table__)), entries)


def _entry(action: str, now: datetime, kind: str, target: Target, actor: str | None = None) -> dict[str, Any]:
    by, (id, name, details) = origin.current(), target
    masked = catalog.hide(None, (), {key: value for key, value in details.items() if value is not None})[1]
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


def page(criteria: AuditFilter, limit: int = 50, cursor: str | None = None) -> lists.Page[AuditEntry]:
    """Entries that match, newest first, by keyset over the id; raises `Invalid` for a bad cursor."""
    query = matching(criteria).order_by(AuditEntry.id.desc())
    if cursor:
        query = query.where(AuditEntry.id < _CURSOR.read(cursor)[0])
    rows = db.session.scalars(query.limit(limit + 1)).all()
    return lists.Page.of(rows, limit, lambda row: _CURSOR.write(row.id))


def _fit(text: str, length: int) -> str:
    """Text that every database takes: no NUL, no half characters, not longer than the column."""
    if len(text) <= length and text.isascii() and "\x00" not in text:
        return text
    return text.replace("\x00", "\ufffd").encode("utf-8", "replace").decode("utf-8")[:length]
