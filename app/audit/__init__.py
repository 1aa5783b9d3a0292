"""The audit log: who changed what, when and from where."""

from app.audit import export
from app.audit.entries import arguments, page, record, record_all
from app.audit.filters import AuditFilter
from app.audit.origin import Origin, acting, answer_with

__all__ = [
    "AuditFilter",
    "Origin",
    "acting",
    "answer_with",
    "arguments",
    "export",
    "page",
    "record",
    "record_all",
]
