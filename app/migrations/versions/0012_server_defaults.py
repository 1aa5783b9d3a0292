"""Columns that the application fills by itself have their default in the database too: SQL is a door."""

import re

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

COUNTS = ("succeeded", "failed")
DEFAULTS: dict[str, dict[str, str]] = {
    "users": {"active": "true", "session_version": "1"},
    "runs": {"attempt": "0"},
    "task_hours": dict.fromkeys((*COUNTS, "others", "timed", "run_seconds"), "0"),
    "run_slots": dict.fromkeys(COUNTS, "0"),
    "schedules": {
        "version": "1",
        "timezone": "'UTC'",
        "args": "'[]'",
        "kwargs": "'{}'",
        "enabled": "true",
        "overlap": "'skip'",
        "jitter_seconds": "0",
        "note": "''",
        "created_at": "CURRENT_TIMESTAMP",
        "updated_at": "CURRENT_TIMESTAMP",
        "origin": "'page'",
        "run_count": "0",
        "failures": "0",
    },
}


def upgrade() -> None:
    for table, defaults in DEFAULTS.items():
        if op.get_bind().dialect.name == "sqlite":
            _write_sqlite(table, defaults)
        else:
            for column, default in defaults.items():
                op.alter_column(table, column, server_default=sa.text(default))


def downgrade() -> None:
    for table, defaults in DEFAULTS.items():
        if op.get_bind().dialect.name == "sqlite":
            _write_sqlite(table, dict.fromkeys(defaults, ""))
        else:
            for column in defaults:
                op.alter_column(table, column, server_default=None)


def _write_sqlite(table: str, defaults: dict[str, str]) -> None:
    """As SQLite's own page on ALTER TABLE says: a default changes no row, so only the schema's text changes.

    Copying the table instead would take minutes with a long history, lose the highest id that was ever
    used, and be refused where other tables refer to it.
    """
    connection = op.get_bind()
    known = sa.text("SELECT sql FROM sqlite_master WHERE type = 'table' AND name = :name")
    text = str(connection.execute(known, {"name": table}).scalar_one())
    for column, default in defaults.items():
        text = _with_default(text, column, default)
    version = int(connection.exec_driver_sql("PRAGMA schema_version").scalar_one())
    connection.exec_driver_sql("PRAGMA writable_schema = ON")
    change = sa.text("UPDATE sqlite_master SET sql = :text WHERE type = 'table' AND name = :name")
    connection.execute(change, {"text": text, "name": table})
    connection.exec_driver_sql(f"PRAGMA schema_version = {version + 1}")
    connection.exec_driver_sql("PRAGMA writable_schema = OFF")


def _with_default(text: str, column: str, default: str) -> str:
    """The statement that made a table with another default of one column; "" for none."""
    known = r"(?: DEFAULT (?:'[^']*'|\w+))?"  # before NOT NULL where a later migration has copied the table
    line = re.compile(
        rf"((?:^\s*|, )\"?{column}\"? [\w()]+){known}( NOT NULL){known}(?=\s*,|\s*$)", re.MULTILINE
    )
    written = f" DEFAULT {default}" if default else ""
    changed, times = line.subn(lambda found: found[1] + found[2] + written, text)
    if times != 1:
        raise RuntimeError(f"column {column} was not found in: {text}")
    return changed
