"""One page of a list, and how much is read and counted of one."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Generic, Self, TypeVar

from app.lists.cursors import Cursor

LIMIT_MAX = 200
LIMIT_DEFAULT = 50
COUNT_CAP = 10_000

Row = TypeVar("Row")

_PLACE = Cursor(int, str)  # how many rows come before, and the id of the last of them


@dataclass(frozen=True)
class Part:
    """The rows from `offset` on (0 = the first) of a line in which each has its position."""

    offset: int
    shown: int
    total: int
    size: int

    @classmethod
    def of(cls, offset: int, total: int, size: int) -> Self:
        """The part that begins at `offset`; where the line has become too short for it, the last one."""
        begin = min(offset, max(0, (total - 1) // size * size))
        return cls(begin, min(size, total - begin), total, size)

    @property
    def previous(self) -> int | None:
        return max(0, self.offset - self.size) if self.offset else None

    @property
    def next(self) -> int | None:
        return self.offset + self.size if self.left else None

    @property
    def left(self) -> int:
        """How many rows come after it."""
        return max(0, self.total - self.offset - self.shown)

    @property
    def last(self) -> int:
        """Where the last part of this size begins."""
        return (self.total - 1) // self.size * self.size


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


def cursor_behind(count: int, row_id: object) -> str:
    """The cursor that stands behind the `count`-th row of a list that is known by position."""
    return _PLACE.write(count, str(row_id))


def begin_at(cursor: str | None, begin_behind: Callable[[int, str], int]) -> int:
    """How many rows come before the page at a cursor: `begin_behind` knows where its row stands by now."""
    return begin_behind(*_PLACE.read(cursor)) if cursor else 0


def page_of_all(
    rows: Sequence[Row], limit: int | None, cursor: str | None, id_of: Callable[[Row], object]
) -> Page[Row]:
    """One page of rows that are all there; without a limit all of them from the cursor on."""
    ids = [str(id_of(row)) for row in rows]
    begin = begin_at(
        cursor, lambda count, row_id: ids.index(row_id) + 1 if row_id in ids else max(0, count - 1)
    )
    end = len(rows) if limit is None else begin + limit
    return Page(rows[begin:end], cursor_behind(end, ids[end - 1]) if end < len(rows) else None)
