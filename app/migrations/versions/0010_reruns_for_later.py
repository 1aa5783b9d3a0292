"""An earlier run that is run again at a time of its own."""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("schedules", sa.Column("rerun_of", sa.String(length=255), nullable=True))


def downgrade() -> None:
    op.drop_column("schedules", "rerun_of")
