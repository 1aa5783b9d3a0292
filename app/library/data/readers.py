"""Reads rows out of CSV, JSON, JSON Lines and XLSX files, and names the row where one is bad.

Rows are numbered as a spreadsheet shows them: the header is row 1. In JSON files the first item is row 1.
"""

import csv
import json
import zipfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, time
from pathlib import Path
from typing import Any, NoReturn

SUFFIXES = (".csv", ".tsv", ".txt", ".json", ".jsonl", ".ndjson", ".xlsx")
JSON_MAX_BYTES = 200_000_000  # a JSON array is read as a whole
MAX_COLUMNS = 500
NAME_MAX_BYTES = 63  # PostgreSQL cuts longer names, silently

NumberedRow = tuple[int, list[Any]]


class BadData(ValueError):
    """The file holds something that cannot be taken; the message names the row and the column."""


@dataclass(frozen=True)
class Rows:
    """A file's columns and rows. `read` may be called again; `typed`: a string is meant as a string."""

    columns: list[str]
    typed: bool
    read: Callable[[], Iterator[NumberedRow]]


def open_rows(path: Path, delimiter: str = ",", encoding: str = "utf-8", sheet: str | None = None) -> Rows:
    """The rows of a file, by its name's ending. Raises `BadData` here or while reading."""
    encoding = "utf-8-sig" if encoding == "utf-8" else encoding
    suffix = path.suffix.lower()
    if suffix == ".xlsx":
        return _rows(lambda: _read_xlsx(path, sheet), typed=True)
    if suffix == ".json":
        return _objects(lambda: _read_json(path, encoding))
    if suffix in (".jsonl", ".ndjson"):
        return _objects(lambda: _read_json_lines(path, encoding))
    if suffix in SUFFIXES:
        return _rows(lambda: _read_csv(path, "\t" if suffix == ".tsv" else delimiter, encoding), typed=False)
    raise ValueError(f"The name {path.name} must end in {', '.join(SUFFIXES)}")


def check_columns(names: Sequence[Any]) -> list[str]:
    """The column names, trimmed; raises `BadData` for one that no table can have."""
    columns = [str(name if name is not None else "").strip() for name in names]
    seen: set[str] = set()
    for number, name in enumerate(columns, start=1):
        if not name:
            raise BadData(f"Column {number} has no name in the header")
        if len(name.encode()) > NAME_MAX_BYTES or not name.isprintable():
            raise BadData(
                f"Column {number}: {name[:80]!r} cannot be a column's name (at most 63 bytes, one line)"
            )
        if name.lower() in seen:
            raise BadData(f"Column {number}: the name {name!r} is there twice")
        seen.add(name.lower())
    if len(columns) > MAX_COLUMNS:
        raise BadData(f"The file has {len(columns)} columns; {MAX_COLUMNS} are allowed")
    return columns


def _rows(read: Callable[[], Iterator[NumberedRow]], typed: bool) -> Rows:
    """Rows below a header: `read` yields the header first."""
    header = next(read(), None)
    if header is None:
        raise BadData("The file is empty: its first row must name the columns")
    columns = check_columns(header[1])

    def body() -> Iterator[NumberedRow]:
        rows = read()
        next(rows)
        for number, row in rows:
            if len(row) != len(columns):
                raise BadData(f"Row {number} has {len(row)} cells, the header has {len(columns)}")
            yield number, row

    return Rows(columns, typed, body)


def _read_csv(path: Path, delimiter: str, encoding: str) -> Iterator[NumberedRow]:
    number = 0
    with path.open(encoding=encoding, newline="") as file:
        try:
            for number, row in enumerate(csv.reader(file, delimiter=delimiter, strict=True), start=1):
                if row:  # a blank line is no row
                    yield number, [cell if cell else None for cell in row]
        except UnicodeError as error:
            _not_encoded(number, error)
        except csv.Error as error:
            raise BadData(f"Row {number + 1}: {error}") from None


def _read_xlsx(path: Path, sheet: str | None) -> Iterator[NumberedRow]:
    from openpyxl import load_workbook

    try:
        book = load_workbook(path, read_only=True, data_only=True)
    except (zipfile.BadZipFile, KeyError, ValueError, OSError) as error:
        raise BadData(f"{path.name} is not an XLSX workbook: {error}") from None
    try:
        if sheet and sheet not in book.sheetnames:
            raise BadData(f"There is no sheet {sheet!r}; the workbook has {', '.join(book.sheetnames)}")
        rows = book[sheet or book.sheetnames[0]].iter_rows(values_only=True)
        width = 0
        for number, cells in enumerate(rows, start=1):
            row = _without_empty_end(cells)
            if not row:
                continue
            width = width or len(row)
            yield number, [_from_excel(cell) for cell in row] + [None] * (width - len(row))
    finally:
        book.close()


def _without_empty_end(cells: Sequence[Any]) -> list[Any]:
    row = list(cells)
    while row and row[-1] in (None, ""):
        row.pop()
    return row


def _from_excel(cell: Any) -> Any:
    """Excel has no dates, only times at midnight."""
    return cell.date() if isinstance(cell, datetime) and cell.time() == time(0) else cell


def _objects(read: Callable[[], Iterator[tuple[int, dict[str, Any]]]]) -> Rows:
    """Rows from objects: the columns are all their keys, as they come up; a missing one is empty."""
    keys: dict[str, None] = {}
    for _, item in read():
        keys.update(dict.fromkeys(item))
    if not keys:
        raise BadData("The file has no items, or they have no fields")
    check_columns(list(keys))
    return Rows(
        [key.strip() for key in keys],
        True,
        lambda: ((number, [item.get(key) for key in keys]) for number, item in read()),
    )


def _read_json(path: Path, encoding: str) -> Iterator[tuple[int, dict[str, Any]]]:
    if path.stat().st_size > JSON_MAX_BYTES:
        raise BadData(f"{path.name} is larger than {JSON_MAX_BYTES:,} bytes; use JSON Lines or CSV")
    try:
        items = json.loads(path.read_text(encoding=encoding), parse_constant=_no_constant)
    except UnicodeError as error:
        _not_encoded(0, error)
    except (ValueError, RecursionError) as error:
        raise BadData(f"{path.name} is not valid JSON: {error}") from None
    if not isinstance(items, list):
        raise BadData(f"{path.name} must hold a list of objects")
    for number, item in enumerate(items, start=1):
        yield number, _an_object(number, item)


def _read_json_lines(path: Path, encoding: str) -> Iterator[tuple[int, dict[str, Any]]]:
    number = 0
    with path.open(encoding=encoding) as file:
        try:
            for number, line in enumerate(file, start=1):
                if line.strip():
                    yield number, _an_object(number, json.loads(line, parse_constant=_no_constant))
        except UnicodeError as error:
            _not_encoded(number, error)
        except (json.JSONDecodeError, RecursionError) as error:
            raise BadData(f"Row {number} is not valid JSON: {error}") from None


def _an_object(number: int, item: Any) -> dict[str, Any]:
    if not isinstance(item, dict):
        raise BadData(f"Row {number} must be an object, not {type(item).__name__}")
    return item


def _no_constant(name: str) -> NoReturn:
    raise BadData(f"{name} is not valid JSON")


def _not_encoded(number: int, error: UnicodeError) -> NoReturn:
    raise BadData(f"The text after row {number} is not in the chosen encoding: {error}") from None
