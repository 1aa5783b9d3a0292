"""Writes the rows of a list out as CSV or as JSON: in the list's order, page by page, never all in memory."""

import csv
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import islice
from typing import Any

from flask import Flask
from flask_babel import format_decimal

from app.lists.pages import Page
from celeriac_agent.stream import to_json

MOST = 50_000
_PAGE = 500
_PIECE = 64 * 1024

# Excel takes a CSV file for one in the system's old code page unless it begins with this mark.
_BOM = "\ufeff"
# What a spreadsheet takes for a formula, as OWASP lists it ("CSV Injection").
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20")

Row = dict[str, Any]


@dataclass(frozen=True)
class Table:
    """What a file of a list has: its columns, the value of each in a row, and what JSON calls the rows.

    `page` reads so many rows of a filter from a cursor on; `note` says that there are more than so many.
    `as_text` are columns whose values are JSON.
    """

    name: str
    columns: Sequence[str]
    page: Callable[[Any, int, str | None], Page[Any]]
    note: Callable[[str], str]
    readers: dict[str, Callable[[Any], Any]] = field(default_factory=dict)
    as_text: Sequence[str] = ()

    def row(self, item: Any) -> Row:
        """An item's values by column, as the REST API names and writes them."""
        read = self.readers
        return {
            name: _plain(read[name](item) if name in read else getattr(item, name)) for name in self.columns
        }

    def rows(self, app: Flask, criteria: Any, most: int) -> Iterator[Row]:
        """The first rows, at most `most`. Where a search stopped for its budget it goes on, to the end.

        Each page is a read of its own, which is over before the page is sent: nobody's writing waits for the
        reader of a file, and the log of SQLite does not grow meanwhile. They are read while the file is sent,
        which is after the request: nothing of it is needed then.
        """
        cursor: str | None = None
        while most > 0:
            with app.app_context():  # its end closes the session
                page = self.page(criteria, min(_PAGE, most), cursor)
                rows = [self.row(item) for item in page.items]
            yield from rows
            most -= len(rows)
            cursor = page.next_cursor
            if cursor is None:
                return

    def as_csv(self, app: Flask, criteria: Any, most: int = MOST) -> Iterator[bytes]:
        """A table with a heading, for spreadsheets: text that would be a formula is kept from it."""
        return _in_pieces(self._csv_lines(self.rows(app, criteria, most)))

    def as_json(self, app: Flask, criteria: Any, most: int = MOST) -> Iterator[bytes]:
        """One document: {"runs": […], "complete": whether these are all, "note": … when not}."""
        note = self.note(str(format_decimal(most)))
        return _in_pieces(self._json_parts(self.rows(app, criteria, most + 1), most, note))

    def write(self, kind: str, app: Flask, criteria: Any, most: int = MOST) -> Iterator[bytes]:
        """The bytes of the file of a kind."""
        return {"csv": self.as_csv, "json": self.as_json}[kind](app, criteria, most)

    def _csv_lines(self, rows: Iterator[Row]) -> Iterator[str]:
        writer = csv.writer(_Line())
        yield _BOM + writer.writerow(self.columns)
        for row in rows:
            yield writer.writerow(self._cell(name, row[name]) for name in self.columns)

    def _json_parts(self, rows: Iterator[Row], most: int, note: str) -> Iterator[str]:
        yield f'{{"{self.name}": ['
        for number, row in enumerate(islice(rows, most)):
            yield f"{',' if number else ''}\n{to_json(row)}"
        complete = next(rows, None) is None
        yield f'\n], "complete": {to_json(complete)}, "note": {to_json(None if complete else note)}}}\n'

    def _cell(self, name: str, value: Any) -> Any:
        """A value as it stands in a table; empty for none."""
        if name in self.as_text:
            return "" if value is None else to_json(value)
        if isinstance(value, str) and value.startswith(_FORMULA):
            return f"'{value}"
        return value


class _Line:
    """What `csv` writes into: it gives the line back."""

    def write(self, text: str) -> str:
        return text


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat().replace("+00:00", "Z")
    return value


def _in_pieces(texts: Iterator[str]) -> Iterator[bytes]:
    """Bytes in pieces of a size that is worth sending, the first at once: a search may take its time.

    What UTF-8 has not becomes a question mark.
    """
    yield next(texts).encode("utf-8", "replace")
    held: list[str] = []
    size = 0
    for text in texts:
        held.append(text)
        size += len(text)
        if size >= _PIECE:
            yield "".join(held).encode("utf-8", "replace")
            held, size = [], 0
    yield "".join(held).encode("utf-8", "replace")
