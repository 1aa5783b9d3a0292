"""Import and export between files and tables, on SQLite and PostgreSQL."""

import csv
import json
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from openpyxl import load_workbook
from sqlalchemy import Engine, create_engine, inspect, text
from sqlalchemy.pool import NullPool

from app.library.data import export_table, import_table
from app.library.data.readers import BadData


@pytest.fixture(params=["sqlite", "postgresql"])
def engine(request: pytest.FixtureRequest, tmp_path: Path, configure: Any) -> Iterator[Engine]:
    """An empty database, which the setting DATA_URLS calls data."""
    if request.param == "sqlite":
        url = f"sqlite:///{tmp_path / 'rows.db'}"
    else:
        url = request.getfixturevalue("empty_postgresql")
    configure(data_urls={"data": url})
    engine = create_engine(url, poolclass=NullPool)
    yield engine
    engine.dispose()


def rows(engine: Engine, query: str = "SELECT * FROM t") -> list[tuple[Any, ...]]:
    with engine.connect() as connection:
        return [tuple(row) for row in connection.execute(text(query))]


def execute(engine: Engine, statement: str) -> None:
    with engine.begin() as connection:
        connection.execute(text(statement))


def put(root: Path, name: str, content: str) -> str:
    (root / name).write_text(content, encoding="utf-8")
    return name


def test_a_csv_file_becomes_a_table(run: Any, root: Path, engine: Engine) -> None:
    put(root, "a.csv", "id,name,price,paid,day\n1,Ann,1.5,true,2026-01-31\n2,,2,false,\n")
    result = run(import_table, source="a.csv", table="t")
    assert (result["rows"], result["created"]) == (2, True)
    assert result["columns"] == {
        "id": "integer",
        "name": "text",
        "price": "float",
        "paid": "boolean",
        "day": "date",
    }
    types = {column["name"]: str(column["type"]) for column in inspect(engine).get_columns("t")}
    assert types["id"] == "BIGINT"
    assert types["paid"] == "BOOLEAN"
    assert types["day"] == "DATE"
    assert [row[:3] for row in rows(engine)] == [(1, "Ann", 1.5), (2, None, 2.0)]


def test_all_as_text(run: Any, root: Path, engine: Engine) -> None:
    put(root, "a.csv", "id,day\n007,2026-01-31\n")
    run(import_table, source="a.csv", table="t", types="text")
    assert rows(engine) == [("007", "2026-01-31")]


def test_modes(run: Any, root: Path, engine: Engine) -> None:
    put(root, "a.csv", "id\n1\n")
    put(root, "b.csv", "name,id\nx,2\n")
    run(import_table, source="a.csv", table="t", mode="append")  # makes a table that is missing
    with pytest.raises(ValueError, match="exists already"):
        run(import_table, source="a.csv", table="t")
    assert run(import_table, source="a.csv", table="t", mode="append")["created"] is False
    assert rows(engine) == [(1,), (1,)]
    with pytest.raises(ValueError, match="has no column 'name'; it has: id"):
        run(import_table, source="b.csv", table="t", mode="append")
    run(import_table, source="b.csv", table="t", mode="replace")
    assert rows(engine) == [("x", 2)]


@pytest.mark.parametrize("mode", ["append", "replace", "fail"])
def test_a_bad_row_leaves_the_database_as_it_was(run: Any, root: Path, engine: Engine, mode: str) -> None:
    """The bad row comes late, in the third batch: inserted rows vanish and a dropped table comes back."""
    if mode != "fail":
        execute(engine, "CREATE TABLE t (id INTEGER NOT NULL PRIMARY KEY, name TEXT)")
        execute(engine, "INSERT INTO t VALUES (-1, 'before')")
    lines = [f"{number},x" for number in range(2500)]
    put(root, "a.csv", "id,name\n" + "\n".join(lines) + "\n3000,x,y\n")
    with pytest.raises(BadData, match="Row 2502 has 3 cells"):
        run(import_table, source="a.csv", table="t", mode=mode)
    if mode == "fail":
        assert not inspect(engine).has_table("t")
    else:
        assert rows(engine) == [(-1, "before")]


def test_a_value_that_does_not_fit_is_named_with_row_and_column(run: Any, root: Path, engine: Engine) -> None:
    execute(engine, "CREATE TABLE t (id INTEGER NOT NULL, day DATE, price NUMERIC(8,2))")
    for line, words in (
        ("x,2026-01-31,1", "Row 3, column 'id': \"x\" is not a whole number"),
        ("1,31.1.2026,1", "Row 3, column 'day': \"31.1.2026\" is not a date"),
        ("1,2026-01-31,cheap", "Row 3, column 'price': \"cheap\" is not a number"),
    ):
        put(root, "a.csv", f"id,day,price\n1,2026-01-01,1.10\n{line}\n")
        with pytest.raises(BadData) as caught:
            run(import_table, source="a.csv", table="t", mode="append")
        assert str(caught.value).startswith(words)
    assert rows(engine) == []


def test_a_row_that_the_database_refuses_is_named(run: Any, root: Path, engine: Engine) -> None:
    execute(engine, "CREATE TABLE t (id INTEGER NOT NULL PRIMARY KEY, name TEXT NOT NULL)")
    execute(engine, "INSERT INTO t VALUES (700, 'before')")
    put(root, "a.csv", "id,name\n" + "".join(f"{number},x\n" for number in range(1000)))
    with pytest.raises(BadData, match=r"Row 702: .*(UNIQUE|unique)"):
        run(import_table, source="a.csv", table="t", mode="append")
    put(root, "a.csv", "id,name\n1,x\n2,\n")
    with pytest.raises(BadData, match=r"Row 3: .*(NOT NULL|not-null).*"):
        run(import_table, source="a.csv", table="t", mode="append")
    assert rows(engine) == [(700, "before")]


def test_odd_column_names_are_only_names(run: Any, root: Path, engine: Engine) -> None:
    names = [
        'a"b',
        "a'; DROP TABLE t; --",
        "100%",
        "x:y",
        "(p)",
        "select",
        "Größe",
        "a b",
        "%(n)s",
        "a.b",
        "[z]",
        "?",
        "日期",
    ]
    with (root / "a.csv").open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([names, [str(number) for number in range(len(names))]])
    for mode in ("fail", "append"):
        run(import_table, source="a.csv", table="t", mode=mode)
    assert [column["name"] for column in inspect(engine).get_columns("t")] == names
    assert rows(engine) == [tuple(range(len(names)))] * 2
    run(export_table, table="t", output="out.json", columns=names[:3])
    assert json.loads((root / "out.json").read_text()) == [dict(zip(names[:3], range(3), strict=True))] * 2


def test_cells_are_only_values(run: Any, root: Path, engine: Engine) -> None:
    evil = "x'); DROP TABLE t; --"
    put(root, "a.json", json.dumps([{"a": evil, "b": "%s :a {c}"}]))
    run(import_table, source="a.json", table="t")
    assert rows(engine) == [(evil, "%s :a {c}")]


def test_a_round_trip_keeps_every_value(run: Any, root: Path, engine: Engine) -> None:
    items = [
        {
            "id": 1,
            "big": 2**62,
            "f": 0.1,
            "yes": True,
            "day": "2026-01-31",
            "at": "2026-01-31T10:30:00.25",
            "s": "007",
        },
        {
            "id": 2,
            "big": -5,
            "f": 1e-300,
            "yes": False,
            "day": None,
            "at": "2026-01-31T10:30:00",
            "s": "=1+1 ü\n\"'",
        },
        {"id": 3, "big": None, "f": None, "yes": None, "day": "0001-01-01", "at": None, "s": None},
    ]
    put(root, "a.json", json.dumps(items))
    run(import_table, source="a.json", table="t")
    for name in ("b.json", "b.jsonl"):
        run(export_table, table="t", output=name)
        run(import_table, source=name, table="copy", mode="replace")
        assert rows(engine, "SELECT * FROM copy ORDER BY id") == rows(engine, "SELECT * FROM t ORDER BY id")
    exported = json.loads((root / "b.json").read_text())
    assert exported[0] == {**items[0], "at": "2026-01-31T10:30:00.250000"}
    assert exported[2]["day"] == "0001-01-01"


def test_csv_and_workbook_come_back(run: Any, root: Path, engine: Engine) -> None:
    put(root, "a.csv", "id,name,day,price\n1,Ann,2026-01-31,1.5\n2,=SUM(A1),,\n")
    run(import_table, source="a.csv", table="t")
    for name in ("b.csv", "b.xlsx"):
        result = run(export_table, table="t", output=name)
        assert (result["rows"], result["columns"]) == (2, ["id", "name", "day", "price"])
        run(import_table, source=name, table="copy", mode="replace")
        assert rows(engine, "SELECT * FROM copy ORDER BY id") == rows(engine, "SELECT * FROM t ORDER BY id")
    with closing(load_workbook(root / "b.xlsx")) as book:
        cell = book["Data"]["B3"]
        assert (cell.value, cell.data_type) == ("=SUM(A1)", "s")  # text, not a formula


def test_export_in_the_order_of_the_key_and_of_chosen_columns(run: Any, root: Path, engine: Engine) -> None:
    execute(engine, "CREATE TABLE t (id INTEGER PRIMARY KEY, name TEXT)")
    execute(engine, "INSERT INTO t VALUES (3, 'c'), (1, 'a'), (2, 'b')")
    run(export_table, table="t", output="sub/a.csv", columns=["name", "id"])
    assert (root / "sub" / "a.csv").read_bytes() == b"name,id\r\na,1\r\nb,2\r\nc,3\r\n"
    with pytest.raises(ValueError, match="has no column 'nme'"):
        run(export_table, table="t", output="a.csv", columns=["nme"])


def test_many_rows_are_exported_in_batches(run: Any, root: Path, engine: Engine) -> None:
    put(root, "a.csv", "id\n" + "".join(f"{number}\n" for number in range(5000)))
    assert run(import_table, source="a.csv", table="t")["rows"] == 5000
    assert run(export_table, table="t", output="b.csv")["rows"] == 5000
    assert (root / "b.csv").read_text().split() == (root / "a.csv").read_text().split()


def test_an_empty_table(run: Any, root: Path, engine: Engine) -> None:
    put(root, "a.csv", "id,name\n")
    assert run(import_table, source="a.csv", table="t")["rows"] == 0
    for name, content in (("b.csv", "id,name\r\n"), ("b.json", "[\n]\n"), ("b.jsonl", "")):
        assert run(export_table, table="t", output=name)["rows"] == 0
        assert (root / name).read_bytes().decode() == content


def test_unknown_tables_databases_files_and_endings(run: Any, root: Path, engine: Engine) -> None:
    put(root, "a.csv", "id\n1\n")
    run(import_table, source="a.csv", table="t")
    with pytest.raises(ValueError, match="no table none; the database has: t"):
        run(export_table, table="none", output="a.json")
    with pytest.raises(ValueError, match="no database 'other' in the setting DATA_URLS; it has: data"):
        run(import_table, source="a.csv", table="t", database="other")
    with pytest.raises(ValueError, match=r"must end in \.csv or"):
        run(export_table, table="t", output="a.xls")
    with pytest.raises(PermissionError):
        run(import_table, source="/etc/passwd", table="t")
    with pytest.raises(PermissionError):
        run(export_table, table="t", output="/tmp/a.csv")


def test_a_column_that_import_cannot_fill_is_named(run: Any, root: Path, engine: Engine) -> None:
    execute(engine, f"CREATE TABLE t (id {'BLOB' if engine.dialect.name == 'sqlite' else 'BYTEA'})")
    put(root, "a.csv", "id\n1\n")
    with pytest.raises(ValueError, match=r"Column 'id' has type (BLOB|BYTEA), which import cannot fill"):
        run(import_table, source="a.csv", table="t", mode="append")


def test_a_failed_export_leaves_the_older_file(run: Any, root: Path, engine: Engine) -> None:
    put(root, "a.json", json.dumps([{"a": "x" * 40_000}]))
    run(import_table, source="a.json", table="t")
    (root / "b.xlsx").write_bytes(b"older")
    with pytest.raises(ValueError, match="A cell holds 32,767 characters"):
        run(export_table, table="t", output="b.xlsx")
    assert (root / "b.xlsx").read_bytes() == b"older"


def test_the_password_is_not_in_the_result(run: Any, root: Path, engine: Engine, configure: Any) -> None:
    from app.library.data.tables import safe_url

    assert (
        safe_url("postgresql+psycopg://ann:secret@db.example/x")
        == "postgresql+psycopg://ann:***@db.example/x"
    )


def test_the_demo_sales(run: Any, root: Path, engine: Engine) -> None:
    result = run(import_table, source="sales.csv", table="sales")
    assert (result["rows"], result["columns"]["date"], result["columns"]["unit_price"]) == (
        3980,
        "date",
        "float",
    )
    assert rows(engine, "SELECT count(*) FROM sales") == [(3980,)]
