"""How many runs ended in each five minutes."""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "run_slots",
        sa.Column("slot_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("succeeded", sa.Integer(), nullable=False),
        sa.Column("failed", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("slot_at", name=op.f("pk_run_slots")),
    )


def downgrade() -> None:
    op.drop_table("run_slots")
