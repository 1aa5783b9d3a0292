"""The audit log: who changed what, when and from where."""

from app.audit.entries import Filter, Page, arguments, page, record, record_all
from app.audit.origin import Origin, acting, answer_with

__all__ = ["Filter", "Origin", "Page", "acting", "answer_with", "arguments", "page", "record", "record_all"]
