"""Writes the runs of a filter out as CSV or as JSON: newest first, page by page, never all in memory."""

import csv
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from itertools import islice
from typing import Any, Protocol

from flask import Flask
from flask_babel import format_decimal
from flask_babel import gettext as _

from app.runs.filters import RunFilter
from app.runs.models import Run
from app.runs.queries import page
from celeriac_agent.stream import to_json

MOST = 50_000
_PAGE = 500
_PIECE = 64 * 1024

# Excel takes a CSV file for one in the system's old code page unless it begins with this mark.
_BOM = "\ufeff"
# What a spreadsheet takes for a formula, as OWASP lists it ("CSV Injection").
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20")

Row = dict[str, Any]
_READERS: dict[str, Callable[[Run], Any]] = {
    "attempt": lambda run: run.attempt + 1,  # Celery counts retries from 0, people attempts from 1
    "app": lambda run: run.app_name,
}
COLUMNS = (
    "id",
    "task_name",
    "state",
    "queue",
    "priority",
    "worker",
    "app",
    "requested_by",
    "schedule_id",
    "created_at",
    "sent_at",
    "started_at",
    "finished_at",
    "runtime_seconds",
    "attempt",
    "error",
    "args",
    "kwargs",
)


class Writer(Protocol):
    """Gives the bytes of a file that has at most `most` of a filter's runs; `app` is whose they are.

    They are read while the file is sent, which is after the request: nothing of it is needed then.
    """

    def __call__(self, app: Flask, criteria: RunFilter, most: int = MOST) -> Iterator[bytes]: ...


def as_csv(app: Flask, criteria: RunFilter, most: int = MOST) -> Iterator[bytes]:
    """The runs as a table with a heading, for spreadsheets: text that would be a formula is kept from it."""
    return _in_pieces(_csv_lines(_rows(app, criteria, most)))


def as_json(app: Flask, criteria: RunFilter, most: int = MOST) -> Iterator[bytes]:
    """The runs as one document: {"runs": […], "complete": whether these are all, "note": … when not}."""
    note = _("More runs match. These are the newest %(n)s.", n=format_decimal(most))
    return _in_pieces(_json_parts(_rows(app, criteria, most + 1), most, note))


WRITERS: dict[str, Writer] = {"csv": as_csv, "json": as_json}


class _Line:
    """What `csv` writes into: it gives the line back."""

    def write(self, text: str) -> str:
        return text


def _csv_lines(rows: Iterator[Row]) -> Iterator[str]:
    writer = csv.writer(_Line())
    yield _BOM + writer.writerow(COLUMNS)
    for row in rows:
        yield writer.writerow(_cell(name, row[name]) for name in COLUMNS)


def _json_parts(rows: Iterator[Row], most: int, note: str) -> Iterator[str]:
    yield '{"runs": ['
    for number, row in enumerate(islice(rows, most)):
        yield f"{',' if number else ''}\n{to_json(row)}"
    complete = next(rows, None) is None
    yield f'\n], "complete": {to_json(complete)}, "note": {to_json(None if complete else note)}}}\n'


def _rows(app: Flask, criteria: RunFilter, most: int) -> Iterator[Row]:
    """The newest runs, at most `most`. Where a search stopped for its budget it goes on, to the end.

    Each page is a read of its own, which is over before the page is sent: nobody's writing waits for the
    reader of a file, and the log of SQLite does not grow meanwhile.
    """
    cursor: str | None = None
    while most > 0:
        with app.app_context():  # its end closes the session
            found = page(criteria, min(_PAGE, most), cursor)
            rows = [_row(run) for run in found.items]
        yield from rows
        most -= len(rows)
        cursor = found.next_cursor
        if cursor is None:
            return


def _row(run: Run) -> Row:
    """A run's values by column, as the REST API names and writes them."""
    return {name: _plain(_READERS[name](run) if name in _READERS else getattr(run, name)) for name in COLUMNS}


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat().replace("+00:00", "Z")
    return value


def _cell(name: str, value: Any) -> Any:
    """A value as it stands in a table; empty for none."""
    if name in ("args", "kwargs"):
        return "" if value is None else to_json(value)
    if isinstance(value, str) and value.startswith(_FORMULA):
        return f"'{value}"
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
