"""How many runs of each task there were since the beginning, by what became of them."""

import sqlalchemy as sa
from alembic import op

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "run_totals",
        sa.Column("task_name", sa.String(255), nullable=False),
        sa.Column("queue", sa.String(255), nullable=False),
        sa.Column("name", sa.String(32), nullable=False),
        sa.Column("number", sa.Double(), nullable=False, server_default="0"),
        sa.PrimaryKeyConstraint("task_name", "queue", "name", name=op.f("pk_run_totals")),
    )


def downgrade() -> None:
    op.drop_table("run_totals")
