"""What every list has in common: filters read the same way everywhere, cursors, capped counts, chips."""

from app.lists.chips import Chip, Tag, capped, chips, tags
from app.lists.cursors import Cursor
from app.lists.filters import Filter, ListQuery, PartFilter, first_text, meant, of, read, schema
from app.lists.pages import (
    COUNT_CAP,
    LIMIT_DEFAULT,
    LIMIT_MAX,
    Page,
    Part,
    begin_at,
    cursor_behind,
    page_of_all,
)

__all__ = [
    "COUNT_CAP",
    "LIMIT_DEFAULT",
    "LIMIT_MAX",
    "Chip",
    "Cursor",
    "Filter",
    "ListQuery",
    "Page",
    "Part",
    "PartFilter",
    "Tag",
    "begin_at",
    "capped",
    "chips",
    "cursor_behind",
    "first_text",
    "meant",
    "of",
    "page_of_all",
    "read",
    "schema",
    "tags",
]
