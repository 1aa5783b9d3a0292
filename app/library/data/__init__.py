"""Tasks that move rows between files and SQL tables."""

from pathlib import Path
from typing import Annotated, Any, Literal

from celery import shared_task
from pydantic import Field

from app.celery.task import CeleriacTask
from app.config import settings
from app.library.folders import input_file, output_file, replacing

DELIMITERS = {"comma": ",", "semicolon": ";", "tab": "\t", "pipe": "|"}

TableName = Annotated[
    str,
    Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]{0,62}$", description="Table; letters, digits and underscores"),
]
Database = Annotated[str, Field(description="Name of a database in the setting DATA_URLS")]


@shared_task(
    name="data.import_table",
    bind=True,
    celeriac_role="admin",
    acks_late=False,
    soft_time_limit=7200,
    time_limit=7260,
)
def import_table(
    self: CeleriacTask,
    source: Annotated[Path, Field(description="File to read: .csv, .tsv, .txt, .json, .jsonl or .xlsx")],
    table: TableName,
    mode: Annotated[
        Literal["fail", "append", "replace"],
        Field(description="When the table exists: fail, append the rows, or replace the table by a new one"),
    ] = "fail",
    database: Database = "data",
    types: Annotated[
        Literal["guess", "text"],
        Field(description="Guess the columns' types of a new table, or make all text"),
    ] = "guess",
    delimiter: Annotated[
        Literal["comma", "semicolon", "tab", "pipe"],
        Field(description="What separates the cells of a CSV file"),
    ] = "comma",
    encoding: Annotated[
        Literal["utf-8", "utf-16", "cp1252", "latin-1", "gb18030"],
        Field(description="Encoding of a text file"),
    ] = "utf-8",
    sheet: Annotated[
        str | None, Field(max_length=31, description="Sheet of a workbook; empty: the first")
    ] = None,
) -> dict[str, Any]:
    """Import a CSV, JSON or XLSX file into a database table.

    The first row names the columns; a JSON file holds a list of objects. All rows are imported or none: a
    bad row stops the import, is named with its column, and leaves the database as it was. Empty cells
    become NULL. Numbers that would lose something, such as 007, stay text. When rows are appended the
    table's own types count, and it must have every column of the file.

    If the worker dies before the end nothing has been imported, and the import does not start again by
    itself.
    """
    from app.library.data.readers import open_rows
    from app.library.data.tables import connected, import_rows, safe_url

    path = input_file(source)
    url = _database_url(database)
    rows = open_rows(path, DELIMITERS[delimiter], encoding, sheet)
    with connected(url, write=True) as engine:
        outcome = import_rows(engine, table, rows, mode, types == "text", self.progress)
    return {"table": table, "database": safe_url(url), "source": str(path), **outcome}


@shared_task(name="data.export_table", bind=True, soft_time_limit=7200, time_limit=7260)
def export_table(
    self: CeleriacTask,
    table: TableName,
    output: Annotated[
        Path, Field(description="New file; its ending says the format: .csv, .json, .jsonl, .xlsx")
    ],
    columns: Annotated[
        list[str] | None, Field(max_length=500, description="Columns to export; empty: all of them")
    ] = None,
    database: Database = "data",
) -> dict[str, Any]:
    """Export a database table to a CSV, JSON or XLSX file.

    Rows come in the order of the primary key. The file appears when it is complete, and replaces one of
    the same name. An XLSX file holds at most 1,048,575 rows.
    """
    from app.library.data.tables import connected, count_rows, read_rows, reflect, safe_url
    from app.library.data.writers import WRITERS

    target = output_file(output, list(WRITERS))
    url = _database_url(database)
    with connected(url) as engine, engine.begin() as connection:
        source = reflect(connection, table)
        names = columns or [column.name for column in source.columns]
        unknown = [name for name in names if name not in source.columns]
        if unknown:
            raise ValueError(f"The table {table} has no column {unknown[0]!r}")
        rows = read_rows(connection, source, names, count_rows(connection, source), self.progress)
        with replacing(target) as draft:
            count = WRITERS[target.suffix.lower()](draft, names, rows)
    return {
        "output": str(target),
        "rows": count,
        "columns": names,
        "database": safe_url(url),
        "bytes": target.stat().st_size,
    }


def _database_url(name: str) -> str:
    databases = settings().data_databases
    if name not in databases:
        raise ValueError(
            f"There is no database {name!r} in the setting DATA_URLS; it has: {', '.join(databases)}"
        )
    if databases[name].startswith("sqlite:///"):
        Path(databases[name].removeprefix("sqlite:///")).parent.mkdir(parents=True, exist_ok=True)
    return databases[name]
