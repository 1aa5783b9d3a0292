"""Reading files of rows, and saying where they are bad."""
# ruff: noqa: DTZ001  # times in files have no zone

import json
from datetime import date, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from openpyxl import Workbook

from app.library.data.readers import BadData, check_columns, open_rows
from app.library.data.writers import write_csv


def write(tmp_path: Path, name: str, text: str | bytes) -> Path:
    path = tmp_path / name
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return path


def read(path: Path, **options: Any) -> tuple[list[str], list[tuple[int, list[Any]]]]:
    rows = open_rows(path, **options)
    first = list(rows.read())
    assert list(rows.read()) == first  # it can be read again
    return rows.columns, first


def test_csv(tmp_path: Path) -> None:
    path = write(tmp_path, "a.csv", '\ufeffid, name \n1,"x, ""y""\nz"\n\n2,\n')
    assert read(path) == (["id", "name"], [(2, ["1", 'x, "y"\nz']), (4, ["2", None])])


@pytest.mark.parametrize(("delimiter", "name"), [(";", "a.csv"), ("|", "a.txt"), (",", "a.tsv")])
def test_delimiters(tmp_path: Path, delimiter: str, name: str) -> None:
    separator = "\t" if name == "a.tsv" else delimiter
    path = write(tmp_path, name, f"a{separator}b\r\n1{separator}2\r\n")
    assert read(path, delimiter=delimiter) == (["a", "b"], [(2, ["1", "2"])])


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "cp1252", "gb18030"])
def test_encodings(tmp_path: Path, encoding: str) -> None:
    path = write(tmp_path, "a.csv", "nämé\nÜ\n".encode(encoding))
    assert read(path, encoding=encoding) == (["nämé"], [(2, ["Ü"])])


def test_json(tmp_path: Path) -> None:
    path = write(tmp_path, "a.json", '[{"a": 1, "b": null}, {"b": "x", "c": [1]}]')
    assert read(path) == (["a", "b", "c"], [(1, [1, None, None]), (2, [None, "x", [1]])])


def test_json_lines(tmp_path: Path) -> None:
    path = write(tmp_path, "a.jsonl", '{"a": 1}\n\n{"a": 2}\n')
    assert read(path) == (["a"], [(1, [1]), (3, [2])])


def test_xlsx(tmp_path: Path) -> None:
    book = Workbook()
    sheet = book.active
    for row in (
        ["day", "n", "at"],
        [date(2026, 1, 31), 1, datetime(2026, 1, 31, 9)],
        [],
        [None, 2.5],
        ["x", "y", "z", None],
    ):
        sheet.append(row)
    other = book.create_sheet("Other")
    other.append(["only"])
    book.save(tmp_path / "a.xlsx")
    columns, rows = read(tmp_path / "a.xlsx")
    assert columns == ["day", "n", "at"]
    assert rows == [
        (2, [date(2026, 1, 31), 1, datetime(2026, 1, 31, 9)]), (4, [None, 2.5, None]), (5, ["x", "y", "z"]),
    ]  # fmt: skip
    assert read(tmp_path / "a.xlsx", sheet="Other") == (["only"], [])
    with pytest.raises(BadData, match="no sheet 'None such'; the workbook has Sheet, Other"):
        read(tmp_path / "a.xlsx", sheet="None such")


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("a.csv", "", "empty"),
        ("a.csv", "a,b\n1\n", "Row 2 has 1 cells, the header has 2"),
        ("a.csv", "a,b\n1,2\n1,2,3\n", "Row 3 has 3 cells, the header has 2"),
        ("a.csv", "a,,b\n", "Column 2 has no name"),
        ("a.csv", "a,B,A\n", "Column 3: the name 'A' is there twice"),
        ("a.csv", "a" * 64 + "\n", "Column 1: .* cannot be a column's name"),
        ("a.csv", ",".join(f"c{n}" for n in range(501)), "501 columns; 500 are allowed"),
        ("a.csv", 'a\n"x"y\n', "Row 2: .*expected after"),
        ("a.csv", 'a\n"x', "Row 2: unexpected end of data"),
        ("a.csv", b"a\n\xff\xfe\xfd\n", "not in the chosen encoding"),
        ("a.csv", "a\n" + "x" * 200_000, "Row 2: field larger"),
        ("a.json", "{", "not valid JSON"),
        ("a.json", '{"a": 1}', "must hold a list"),
        ("a.json", "[1]", "Row 1 must be an object, not int"),
        ("a.json", "[]", "no items"),
        ("a.json", '[{"a": NaN}]', "NaN is not valid JSON"),
        ("a.json", b"\xff", "not in the chosen encoding"),
        ("a.json", "[" * 100_000, "not valid JSON"),
        ("a.json", '[{"": 1}]', "Column 1 has no name"),
        ("a.jsonl", '{"a": 1}\n{"a"\n', "Row 2 is not valid JSON"),
        ("a.jsonl", '{"a": 1}\n[]\n', "Row 2 must be an object, not list"),
        ("a.jsonl", '{"a": Infinity}\n', "Infinity is not valid JSON"),
        ("a.xlsx", "not a zip", "not an XLSX workbook"),
    ],
)
def test_bad_files_are_refused_with_the_place(
    tmp_path: Path, name: str, text: str | bytes, words: str
) -> None:
    with pytest.raises(BadData, match=words):
        read(write(tmp_path, name, text))


def test_a_row_that_is_too_long_in_a_workbook(tmp_path: Path) -> None:
    book = Workbook()
    for row in (["a"], [1], [1, 2]):
        book.active.append(row)
    book.save(tmp_path / "a.xlsx")
    with pytest.raises(BadData, match="Row 3 has 2 cells, the header has 1"):
        read(tmp_path / "a.xlsx")


def test_other_files_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"must end in \.csv"):
        read(write(tmp_path, "a.xls", "x"))


NAME = st.text(st.characters(exclude_categories=["C", "Z"]), min_size=1, max_size=10)
CELL = st.none() | st.text(
    st.characters(exclude_categories=["Cs"], exclude_characters="\r"), min_size=1, max_size=20
)


@given(st.data())
def test_a_csv_file_comes_back_as_it_was_written(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    columns = data.draw(st.lists(NAME, min_size=2, max_size=4, unique_by=str.lower))
    rows = data.draw(st.lists(st.lists(CELL, min_size=len(columns), max_size=len(columns)), max_size=5))
    path = tmp_path_factory.getbasetemp() / "round.csv"
    write_csv(path, columns, rows)
    names, found = read(path)
    assert names == columns
    assert [row for _, row in found] == rows


@given(st.lists(st.text(max_size=70), max_size=5))
def test_checked_columns_are_usable_names(names: list[str]) -> None:
    try:
        columns = check_columns(names)
    except BadData:
        return
    assert len({name.lower() for name in columns}) == len(columns)
    assert all(name and name.isprintable() and json.dumps(name) for name in columns)
