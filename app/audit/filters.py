"""Which audit entries are meant: the filter of their list, as a condition on the table."""

from dataclasses import dataclass
from datetime import datetime

from flask_babel import lazy_gettext as _l
from sqlalchemy import Select, select

from app import lists
from app.audit.models import AuditEntry
from app.lists.fields import QueryMoment, Text

_ACTION = "One action (run.submit) or a group of them (run)."


@dataclass(frozen=True)
class AuditFilter(lists.Filter):
    """Which entries; what is left out lets all through. `action` is one (`run.submit`) or a group (`run`)."""

    actor: str | None = lists.of(Text(), _l("Who"))
    action: str | None = lists.of(Text(metadata={"description": _ACTION}), _l("What"))
    object_kind: str | None = lists.of(Text(), _l("Kind"))
    object_id: str | None = lists.of(Text(), _l("On what"))
    since: datetime | None = lists.of(QueryMoment(), _l("Since"))
    until: datetime | None = lists.of(QueryMoment(), _l("Until"))


def matching(criteria: AuditFilter) -> Select[AuditEntry]:
    """The entries that a filter lets through, in no order."""
    query = select(AuditEntry)
    for name in ("actor", "object_kind", "object_id"):
        if value := getattr(criteria, name):
            query = query.where(getattr(AuditEntry, name) == value)
    if criteria.action and "." in criteria.action:
        query = query.where(AuditEntry.action == criteria.action)
    elif criteria.action:
        query = query.where(AuditEntry.action.startswith(f"{criteria.action}.", autoescape=True))
    if criteria.since:
        query = query.where(AuditEntry.at >= criteria.since)
    return query.where(AuditEntry.at < criteria.until) if criteria.until else query
