"""The files that tasks read and write, as people see them: what is there, and what may be done with it."""

from app.files.folders import ENTRIES_MAX, Entry, Listing, delete, full_path, listing, opened
from app.files.makers import forget_gone, note_results
from app.files.makers import names as maker_names
from app.files.results import named_in
from app.files.uploads import save

__all__ = [
    "ENTRIES_MAX",
    "Entry",
    "Listing",
    "delete",
    "forget_gone",
    "full_path",
    "listing",
    "maker_names",
    "named_in",
    "note_results",
    "opened",
    "save",
]
