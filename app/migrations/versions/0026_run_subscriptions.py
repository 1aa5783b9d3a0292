"""Who is to be told when a run ends, and the address where; messages to one person."""

import sqlalchemy as sa
from alembic import op

revision = "0026"
down_revision = "0025"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("users", sa.Column("email", sa.String(254), nullable=True))
    op.create_table(
        "run_subscriptions",
        sa.Column("run_id", sa.String(255), nullable=False),
        sa.Column("user_id", sa.Integer(), nullable=False),
        sa.Column("by_browser", sa.Boolean(), nullable=False),
        sa.Column("by_mail", sa.Boolean(), nullable=False),
        sa.Column("language", sa.String(16), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["run_id"], ["runs.id"], name=op.f("fk_run_subscriptions_run_id_runs"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["user_id"], ["users.id"], name=op.f("fk_run_subscriptions_user_id_users"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("run_id", "user_id", name=op.f("pk_run_subscriptions")),
    )
    op.create_index(op.f("ix_run_subscriptions_user_id"), "run_subscriptions", ["user_id"])
    op.add_column("alert_messages", sa.Column("user_id", sa.Integer(), nullable=True))


def downgrade() -> None:
    op.execute("DELETE FROM alert_messages WHERE user_id IS NOT NULL")
    op.drop_column("alert_messages", "user_id")
    op.drop_table("run_subscriptions")
    op.drop_column("users", "email")
