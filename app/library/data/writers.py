"""Writes rows to CSV, JSON, JSON Lines and XLSX files."""

import csv
import json
from collections.abc import Callable, Iterable, Sequence
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

EXCEL_EXACT = 10**15  # Excel keeps 15 digits of a number

Writer = Callable[[Path, Sequence[str], Iterable[Sequence[Any]]], int]


def write_csv(path: Path, columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> int:
    """Write CSV in UTF-8 as RFC 4180 has it; NULL is an empty cell. Returns the number of rows."""
    count = 0
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(columns)
        for row in rows:
            count += 1
            writer.writerow(["" if value is None else _as_text(value) for value in row])
    return count


def write_json(path: Path, columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> int:
    """Write a JSON list with one object a row. Returns the number of rows."""
    count = 0
    with path.open("w", encoding="utf-8") as file:
        file.write("[")
        for count, row in enumerate(rows, start=1):
            file.write(",\n" if count > 1 else "\n")
            file.write(_as_json(columns, row))
        file.write("\n]\n")
    return count


def write_json_lines(path: Path, columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> int:
    """Write one JSON object a line. Returns the number of rows."""
    count = 0
    with path.open("w", encoding="utf-8") as file:
        for row in rows:
            count += 1
            file.write(_as_json(columns, row) + "\n")
    return count


def write_xlsx(path: Path, columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> int:
    """Write a workbook with one sheet. Text stays text, also when it looks like a formula."""
    from app.library.spreadsheet import MAX_ROWS, new_workbook, text_cell

    count = 0
    with new_workbook(path) as book:
        sheet = book.create_sheet("Data")
        sheet.freeze_panes = "A2"
        sheet.append([text_cell(sheet, name) for name in columns])
        for row in rows:
            count += 1
            if count >= MAX_ROWS:
                raise ValueError(f"A sheet holds {MAX_ROWS:,} rows; export to CSV instead")
            values = [_as_excel(value) for value in row]
            sheet.append([text_cell(sheet, v) if isinstance(v, str) else v for v in values])
    return count


def _as_text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (date, time)):
        return value.isoformat()
    if isinstance(value, (bytes, memoryview)):
        return bytes(value).hex()
    if isinstance(value, (dict, list)):
        return json.dumps(value, ensure_ascii=False, default=_as_text)
    return str(value)


def _as_json(columns: Sequence[str], row: Sequence[Any]) -> str:
    values = dict(zip(columns, row, strict=True))
    return json.dumps(values, ensure_ascii=False, allow_nan=False, default=_as_text)


def _as_excel(value: Any) -> Any:
    """The value as Excel can hold it without changing it; what it cannot hold becomes text."""
    if isinstance(value, datetime) and value.tzinfo:
        value = value.isoformat()
    if isinstance(value, (bool, float, date, time, timedelta)) or value is None:
        return value
    if isinstance(value, (int, Decimal)) and -EXCEL_EXACT < value < EXCEL_EXACT:
        return value
    return _as_text(value)


WRITERS: dict[str, Writer] = {
    ".csv": write_csv,
    ".json": write_json,
    ".jsonl": write_json_lines,
    ".xlsx": write_xlsx,
}
