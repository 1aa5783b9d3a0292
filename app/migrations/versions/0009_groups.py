"""Finds the members of a group."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    in_group = sa.text("group_id IS NOT NULL")
    op.create_index(
        "ix_runs_group_id", "runs", ["group_id"], sqlite_where=in_group, postgresql_where=in_group
    )


def downgrade() -> None:
    op.drop_index("ix_runs_group_id", table_name="runs")
