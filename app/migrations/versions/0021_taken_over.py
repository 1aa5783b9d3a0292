"""Schedules that were taken over know where they came from, and whether they wait for it to stop."""

import sqlalchemy as sa
from alembic import op

revision = "0021"
down_revision = "0020"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("schedules", sa.Column("taken_from", sa.String(500), nullable=True))
    op.add_column("schedules", sa.Column("taken_key", sa.String(255), nullable=True))
    op.add_column("schedules", sa.Column("after_stop", sa.String(8), nullable=True))
    op.create_index(
        "ix_schedules_taken_from_taken_key", "schedules", ["taken_from", "taken_key"], unique=True
    )
    op.add_column("app_catalogs", sa.Column("schedules", sa.JSON(), nullable=True))


def downgrade() -> None:
    op.drop_column("app_catalogs", "schedules")
    op.drop_index("ix_schedules_taken_from_taken_key", "schedules")
    op.drop_column("schedules", "after_stop")
    op.drop_column("schedules", "taken_key")
    op.drop_column("schedules", "taken_from")
