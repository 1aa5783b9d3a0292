"""Which files a run's result names."""

from typing import Any

from app.errors import Invalid, NotFound
from app.files.folders import Entry, opened
from app.files.makers import texts

LOOKED_AT = 200  # texts of one result
_LONGEST = 1024


def named_in(result: Any) -> list[Entry]:
    """The files under the roots that a result names, each once and in its order."""
    entries: dict[str, Entry] = {}
    for number, text in enumerate(texts(result)):
        if number >= LOOKED_AT:
            break
        if not text or len(text) > _LONGEST:
            continue
        try:
            file, entry = opened(text)
        except (Invalid, NotFound):
            continue
        file.close()
        entries.setdefault(entry.path, entry)
    return list(entries.values())
