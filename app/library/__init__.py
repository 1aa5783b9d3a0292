"""The task library that comes with Celeriac; `app.library.all_tasks` registers every task in it.

Each subject is a module or a package whose `__init__` holds the tasks, and so the forms. What does the
work stands beside it and is imported when a task runs: workers start without Pillow or openpyxl.
"""
