"""The start page: is everything all right, and if not, what?"""

from app.overview.summary import Summary, summary

__all__ = ["Summary", "summary"]
