"""Kinds of failures, what people did to them, and one table of kinds for the alerts too."""

import re
from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0025"
down_revision = "0024"
branch_labels = None
depends_on = None

_BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_CLASS = re.compile(r"[\w.]{1,100}")
_AT_ONCE = 1000


def _moment(name: str, nullable: bool = True) -> sa.Column[Any]:
    return sa.Column(name, sa.DateTime(timezone=True), nullable=nullable)


def _text(name: str, length: int, default: str | None = None, nullable: bool = False) -> sa.Column[Any]:
    return sa.Column(name, sa.String(length), nullable=nullable, server_default=default)


def upgrade() -> None:
    kinds = op.create_table(
        "failure_kinds",
        sa.Column("id", _BIG, nullable=False),
        _text("task_name", 255),
        _text("kind", 100),
        _text("error", 200, ""),
        sa.Column("failures", _BIG, nullable=False, server_default="0"),
        _moment("first_at", nullable=False),
        _text("first_run_id", 255, nullable=True),
        _moment("last_at", nullable=False),
        _text("last_run_id", 255, nullable=True),
        _text("state", 8, "open"),
        _moment("state_at"),
        _text("state_by", 64, nullable=True),
        _moment("ignored_until"),
        _moment("reopened_at"),
        _text("reopened_run_id", 255, nullable=True),
        _moment("made_good_at"),
        _text("owner", 64, nullable=True),
        sa.Column("note", sa.Text(), nullable=True),
        _moment("seen_at"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_failure_kinds")),
        sqlite_autoincrement=True,
    )
    op.create_index("uq_failure_kinds_task_name_kind", "failure_kinds", ["task_name", "kind"], unique=True)
    op.create_index(op.f("ix_failure_kinds_last_at_id"), "failure_kinds", ["last_at", "id"])
    op.create_table(
        "failure_changes",
        sa.Column("id", _BIG, nullable=False),
        sa.Column("kind_id", _BIG, nullable=False),
        _moment("at", nullable=False),
        _text("by", 64, nullable=True),
        _text("action", 16),
        sa.Column("note", sa.Text(), nullable=True),
        _moment("until"),
        _text("owner", 64, nullable=True),
        _text("run_id", 255, nullable=True),
        sa.Column("before", sa.JSON(none_as_null=True), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_failure_changes")),
        sa.ForeignKeyConstraint(
            ["kind_id"],
            ["failure_kinds.id"],
            name=op.f("fk_failure_changes_kind_id_failure_kinds"),
            ondelete="CASCADE",
        ),
        sqlite_autoincrement=True,
    )
    op.create_index(op.f("ix_failure_changes_kind_id_id"), "failure_changes", ["kind_id", "id"])
    op.create_index(op.f("ix_failure_changes_at"), "failure_changes", ["at"])
    _fill(kinds)
    op.drop_table("alert_failure_kinds")


def downgrade() -> None:
    op.create_table(
        "alert_failure_kinds",
        _text("task_name", 255),
        _text("kind", 100),
        _moment("last_at", nullable=False),
        sa.PrimaryKeyConstraint("task_name", "kind", name=op.f("pk_alert_failure_kinds")),
    )
    op.execute(
        "INSERT INTO alert_failure_kinds (task_name, kind, last_at) "
        "SELECT task_name, kind, seen_at FROM failure_kinds WHERE seen_at IS NOT NULL"
    )
    op.drop_table("failure_changes")
    op.drop_table("failure_kinds")


def _fill(kinds: sa.Table) -> None:
    """The failures of the history, and what the alerts know; all of them count as told."""
    moment = sa.DateTime(timezone=True)
    runs = sa.table(
        "runs",
        *(sa.column(name) for name in ("id", "task_name", "state", "error")),
        *(sa.column(name, moment) for name in ("ended_at", "created_at")),
    )
    at = sa.func.coalesce(runs.c.ended_at, runs.c.created_at, type_=moment)
    start = sa.func.coalesce(sa.func.substr(runs.c.error, 1, 200), "")
    failed = sa.select(runs.c.id, runs.c.task_name, at, start).where(runs.c.state.in_(("FAILURE", "LOST")))
    found: dict[tuple[str, str], dict[str, Any]] = {}
    connection = op.get_bind()
    read = connection.execute(failed, execution_options={"yield_per": 5000})
    for run_id, task_name, failed_at, error in read:
        key = task_name, _kind_of(error)[:100]
        row = found.setdefault(key, {"failures": 0, "first_at": failed_at, "last_at": failed_at})
        row["failures"] += 1
        if failed_at <= row["first_at"]:
            row |= {"first_at": failed_at, "first_run_id": run_id}
        if failed_at >= row["last_at"]:
            row |= {"last_at": failed_at, "last_run_id": run_id, "error": error}
    told = sa.table(
        "alert_failure_kinds", sa.column("task_name"), sa.column("kind"), sa.column("last_at", moment)
    )
    for task_name, kind, last_at in connection.execute(
        sa.select(told.c.task_name, told.c.kind, told.c.last_at)
    ):
        ends = {"first_at": last_at, "first_run_id": None, "last_at": last_at, "last_run_id": None}
        found.setdefault((task_name, kind), {"failures": 0, "error": kind} | ends)
    rows = [
        {"task_name": key[0], "kind": key[1], "seen_at": row["last_at"]} | row for key, row in found.items()
    ]
    for begin in range(0, len(rows), _AT_ONCE):
        connection.execute(kinds.insert(), rows[begin : begin + _AT_ONCE])


def _kind_of(error: str) -> str:
    name = error.split(":", 1)[0].split("(", 1)[0].strip()
    if _CLASS.fullmatch(name):
        return name
    return error.strip().partition("\n")[0][:80].strip()
