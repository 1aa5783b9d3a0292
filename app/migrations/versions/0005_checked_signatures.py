"""Schedules remember against which signature of their task their arguments were checked."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("schedules", sa.Column("checked_signature", sa.String(length=64), nullable=True))


def downgrade() -> None:
    op.drop_column("schedules", "checked_signature")
