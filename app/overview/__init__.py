"""The start page: is everything all right, and if not, what?"""

from app.overview.first_steps import first_steps
from app.overview.next_hour import NextHour
from app.overview.search import SearchResults, matches, queue_names, search
from app.overview.summary import Summary, summary
from app.overview.throughput import DEFAULT_SPAN, SPANS, Throughput

__all__ = [
    "DEFAULT_SPAN",
    "SPANS",
    "NextHour",
    "SearchResults",
    "Summary",
    "Throughput",
    "first_steps",
    "matches",
    "queue_names",
    "search",
    "summary",
]
