"""Who entered the secrets among a schedule's arguments."""

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("schedules", sa.Column("secrets_by", sa.String(length=255), nullable=True))


def downgrade() -> None:
    op.drop_column("schedules", "secrets_by")
