"""Importing this registers every task of the library."""

from app.library import data, examples, files, images, mail, maintenance, reports, video, web

__all__ = ["data", "examples", "files", "images", "mail", "maintenance", "reports", "video", "web"]
