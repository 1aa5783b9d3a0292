"""The task library that comes with Celeriac: importing this package registers every task in it.

Each subject is a module or a package whose `__init__` holds the tasks, and so the forms. What does the
work stands beside it and is imported when a task runs: the pages list tasks without loading Pillow,
openpyxl or Beautiful Soup.
"""

from app.library import data, examples, files, images, mail, maintenance, reports, video, web

__all__ = ["data", "examples", "files", "images", "mail", "maintenance", "reports", "video", "web"]
