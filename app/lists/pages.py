"""One page of a list, and how much is read and counted of one."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Generic, Self, TypeVar

LIMIT_MAX = 200
LIMIT_DEFAULT = 50
COUNT_CAP = 10_000

Row = TypeVar("Row")


@dataclass(frozen=True)
class Page(Generic[Row]):
    """One page of a list and the cursor of the next one."""

    items: Sequence[Row] = ()
    next_cursor: str | None = None

    @classmethod
    def of(cls, rows: Sequence[Row], limit: int, cursor_of: Callable[[Row], str]) -> Self:
        """The page of rows of which one more than its size was read, if there is one."""
        items = rows[:limit]
        return cls(items, cursor_of(items[-1]) if len(rows) > limit else None)
