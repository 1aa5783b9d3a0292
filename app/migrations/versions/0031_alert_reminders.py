"""How often an alert that goes on is told again."""

import sqlalchemy as sa
from alembic import op

revision = "0031"
down_revision = "0030"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("alert_rules", sa.Column("remind_seconds", sa.Integer(), nullable=True))


def downgrade() -> None:
    op.drop_column("alert_rules", "remind_seconds")
