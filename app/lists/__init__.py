"""What every list has in common: filters read the same way everywhere, cursors, capped counts, chips."""

from app.lists.chips import Chip, Tag, capped, chips, tags
from app.lists.cursors import Cursor
from app.lists.filters import Filter, ListQuery, first_text, meant, of, read, schema
from app.lists.pages import COUNT_CAP, LIMIT_DEFAULT, LIMIT_MAX, Page, Part

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
    "Tag",
    "capped",
    "chips",
    "first_text",
    "meant",
    "of",
    "read",
    "schema",
    "tags",
]
