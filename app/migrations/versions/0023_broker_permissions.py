"""Brokers of other apps that may be changed, and who said so."""

import sqlalchemy as sa
from alembic import op

revision = "0023"
down_revision = "0022"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "broker_permissions",
        sa.Column("name", sa.String(255), nullable=False),
        sa.Column("server", sa.Text(), nullable=False),
        sa.Column("by", sa.String(64), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_broker_permissions")),
    )


def downgrade() -> None:
    op.drop_table("broker_permissions")
