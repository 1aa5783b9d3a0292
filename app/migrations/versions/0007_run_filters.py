"""Indexes for the filters of the runs page; changes of many runs."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

_INDEXES = (
    ("ix_runs_worker_created_at_id", ["worker", "created_at", "id"]),
    ("ix_runs_requested_by_created_at_id", ["requested_by", "created_at", "id"]),
    ("ix_runs_rerun_of", ["rerun_of"]),
)


def upgrade() -> None:
    for name, columns in _INDEXES:
        known = sa.text(f"{columns[0]} IS NOT NULL")
        op.create_index(name, "runs", columns, sqlite_where=known, postgresql_where=known)
    failed = sa.text("state IN ('FAILURE', 'LOST')")
    op.create_index(
        "ix_runs_failed",
        "runs",
        ["task_name", "created_at", "id"],
        sqlite_where=failed,
        postgresql_where=failed,
    )
    op.create_table(
        "bulks",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("action", sa.String(length=16), nullable=False),
        sa.Column("asked_by", sa.String(length=255), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("confirmed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("leased_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("wanted", sa.JSON(), nullable=False),
        sa.Column("total", sa.Integer(), nullable=False),
        sa.Column("capped", sa.Boolean(), nullable=False),
        sa.Column("looked_back_to", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_bulks")),
    )
    op.create_index(op.f("ix_bulks_created_at"), "bulks", ["created_at"])
    waiting = sa.text("confirmed_at IS NOT NULL AND finished_at IS NULL")
    op.create_index(
        "ix_bulks_to_do", "bulks", ["confirmed_at"], sqlite_where=waiting, postgresql_where=waiting
    )
    op.create_table(
        "bulk_items",
        sa.Column("bulk_id", sa.String(length=36), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("run_id", sa.String(length=255), nullable=False),
        sa.Column("task_name", sa.String(length=255), nullable=False),
        sa.Column("verdict", sa.String(length=16), nullable=False),
        sa.Column("outcome", sa.String(length=16), nullable=True),
        sa.Column("detail", sa.Text(), nullable=True),
        sa.Column("new_id", sa.String(length=255), nullable=True),
        sa.ForeignKeyConstraint(
            ["bulk_id"], ["bulks.id"], name=op.f("fk_bulk_items_bulk_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("bulk_id", "position", name=op.f("pk_bulk_items")),
    )


def downgrade() -> None:
    op.drop_table("bulk_items")
    op.drop_table("bulks")
    op.drop_index("ix_runs_failed", table_name="runs")
    for name, _columns in reversed(_INDEXES):
        op.drop_index(name, table_name="runs")
