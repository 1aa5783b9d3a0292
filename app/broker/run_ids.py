"""Which texts are ids of runs: what becomes a row, and a link on a page."""

import re
from typing import TypeGuard

LONGEST = 255
# A link is made of it, so nothing that parts or ends a path, and no scheme of a script.
_CHARACTERS = r"\w.,:;@=+~()\[\]{}|!$*^\-"
_RUN_ID = re.compile(
    rf"(?!(?:javascript|data|vbscript):)\w(?:[{_CHARACTERS} ]*[{_CHARACTERS}])?", re.IGNORECASE
)


def is_run_id(value: object) -> TypeGuard[str]:
    """Whether it is text of 1 to 255 characters that can be the id of a run; whoever sent it."""
    return isinstance(value, str) and len(value) <= LONGEST and _RUN_ID.fullmatch(value) is not None
