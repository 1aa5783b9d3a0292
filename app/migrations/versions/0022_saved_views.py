"""Saved views of lists, and how each person has a list."""

import sqlalchemy as sa
from alembic import op

revision = "0022"
down_revision = "0021"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "saved_views",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("user_id", sa.Integer(), nullable=False),
        sa.Column("owner", sa.String(64), nullable=False),
        sa.Column("list_name", sa.String(160), nullable=False),
        sa.Column("name", sa.String(80), nullable=False),
        sa.Column("shared", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("query", sa.JSON(), server_default="{}", nullable=False),
        sa.Column("columns", sa.JSON(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_saved_views_user_id_users")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_saved_views")),
        sqlite_autoincrement=True,
    )
    op.create_index(
        op.f("ix_saved_views_user_id_list_name_name"),
        "saved_views",
        ["user_id", "list_name", "name"],
        unique=True,
    )
    op.create_index(op.f("ix_saved_views_list_name"), "saved_views", ["list_name"])
    op.create_table(
        "list_choices",
        sa.Column("user_id", sa.Integer(), nullable=False),
        sa.Column("list_name", sa.String(160), nullable=False),
        sa.Column("columns", sa.JSON(), nullable=True),
        sa.Column("view_id", sa.Integer(), nullable=True),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_list_choices_user_id_users")),
        sa.ForeignKeyConstraint(
            ["view_id"],
            ["saved_views.id"],
            name=op.f("fk_list_choices_view_id_saved_views"),
            ondelete="SET NULL",
        ),
        sa.PrimaryKeyConstraint("user_id", "list_name", name=op.f("pk_list_choices")),
    )


def downgrade() -> None:
    op.drop_table("list_choices")
    op.drop_table("saved_views")
