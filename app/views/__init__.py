"""Saved views: what lists are asked for under a name, mine and shared, and the columns each person chose."""

from app.views.listed import LISTS, QUEUE, Listed, listed
from app.views.models import ListChoice, SavedView
from app.views.saved import (
    change,
    choice,
    choose_columns,
    create,
    delete,
    get,
    has_own,
    listing,
    read_query,
    use,
)

__all__ = [
    "LISTS",
    "QUEUE",
    "ListChoice",
    "Listed",
    "SavedView",
    "change",
    "choice",
    "choose_columns",
    "create",
    "delete",
    "get",
    "has_own",
    "listed",
    "listing",
    "read_query",
    "use",
]
