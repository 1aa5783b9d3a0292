"""XLSX workbooks, written row by row, whose cells hold exactly what they were given."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from typing import Any

from openpyxl import Workbook
from openpyxl.cell import Cell, WriteOnlyCell

MAX_ROWS = 1_048_576
MAX_CHARACTERS = 32_767
NOT_IN_XML = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff\ud800-\udfff]")


@contextmanager
def new_workbook(path: Path) -> Iterator[Workbook]:
    """A workbook to add sheets to, saved when the block succeeds."""
    book = Workbook(write_only=True)
    try:
        yield book
    except BaseException:
        book.save(BytesIO())  # openpyxl's only way to close and remove the temporary file of each sheet
        raise
    book.save(path)


def text_cell(sheet: Any, text: str) -> Cell:
    """A cell with text that stays text, also when it looks like a formula or holds control characters."""
    if len(text) > MAX_CHARACTERS:
        raise ValueError(f"A cell holds {MAX_CHARACTERS:,} characters, a value has {len(text):,}")
    cell: Cell = WriteOnlyCell(sheet, NOT_IN_XML.sub("\ufffd", text))
    cell.data_type = "s"
    return cell
