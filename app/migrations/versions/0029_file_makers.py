"""Who made which file: the run whose result named it, or the person who uploaded it."""

import sqlalchemy as sa
from alembic import op

revision = "0029"
down_revision = "0028"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "file_makers",
        sa.Column("path", sa.String(1024), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("run_id", sa.String(255), nullable=True),
        sa.Column("task_name", sa.String(255), nullable=True),
        sa.Column("user_name", sa.String(64), nullable=True),
        sa.PrimaryKeyConstraint("path", name=op.f("pk_file_makers")),
    )


def downgrade() -> None:
    op.drop_table("file_makers")
