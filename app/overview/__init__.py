"""The start page: is everything all right, and if not, what?"""

from app.overview.search import Found, search
from app.overview.summary import Summary, summary

__all__ = ["Found", "Summary", "search", "summary"]
