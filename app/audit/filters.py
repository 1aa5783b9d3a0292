"""Which audit entries are meant: the filter of their list, as a condition on the table."""

from dataclasses import dataclass
from datetime import datetime

from flask_babel import lazy_gettext as _l
from sqlalchemy import Select, or_, select

from app import lists
from app.audit.models import AuditEntry
from app.audit.origin import VIAS
from app.lists.fields import Choice, QueryMoment, Text

_TEXT = "Words to find in the object's name; or its whole id."
_WORDS_MAX = 10
_ACTION = "One action (run.submit) or a group of them (run)."


@dataclass(frozen=True)
class AuditFilter(lists.Filter):
    """Which entries; what is left out lets all through. `action` is one (`run.submit`) or a group (`run`)."""

    actor: str | None = lists.of(Text(), _l("Who"))
    action: str | None = lists.of(Text(metadata={"description": _ACTION}), _l("What"))
    via: str | None = lists.of(Choice(VIAS), _l("By way of"))
    object_kind: str | None = lists.of(Text(), _l("Kind"))
    object_id: str | None = lists.of(Text(), _l("On what"))
    q: str | None = lists.of(Text(metadata={"description": _TEXT}), _l("Text"))
    since: datetime | None = lists.of(QueryMoment(), _l("Since"))
    until: datetime | None = lists.of(QueryMoment(), _l("Until"))


def matching(criteria: AuditFilter) -> Select[AuditEntry]:
    """The entries that a filter lets through, in no order."""
    query = select(AuditEntry)
    for name in ("actor", "via", "object_kind", "object_id"):
        if value := getattr(criteria, name):
            query = query.where(getattr(AuditEntry, name) == value)
    if criteria.action and "." in criteria.action:
        query = query.where(AuditEntry.action == criteria.action)
    elif criteria.action:
        query = query.where(AuditEntry.action.startswith(f"{criteria.action}.", autoescape=True))
    for word in (criteria.q or "").split()[:_WORDS_MAX]:
        named = AuditEntry.object_name.icontains(word, autoescape=True)
        query = query.where(or_(named, AuditEntry.object_id == word))
    if criteria.since:
        query = query.where(AuditEntry.at >= criteria.since)
    return query.where(AuditEntry.at < criteria.until) if criteria.until else query
