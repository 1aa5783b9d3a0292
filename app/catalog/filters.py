"""What a list of tasks can be asked for: on its page as in REST."""

from collections.abc import Sequence
from dataclasses import dataclass

from flask_babel import lazy_gettext as _l

from app import lists
from app.catalog.info import TaskInfo, matching
from app.lists.fields import Text

_TEXT = "Words to find in name, meaning and queue."


@dataclass(frozen=True)
class TaskFilter(lists.Filter):
    """Which tasks; what is left out lets all through."""

    q: str | None = lists.of(Text(metadata={"description": _TEXT}), _l("Text"))

    def among(self, tasks: Sequence[TaskInfo]) -> list[TaskInfo]:
        """The tasks that it lets through."""
        return matching(tasks, self.q or "")
