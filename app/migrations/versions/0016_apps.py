"""Which Celery app runs a run; none for Celeriac's own."""

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None

_OF_ANOTHER_APP = sa.text("app IS NOT NULL")


def upgrade() -> None:
    op.create_table(
        "apps",
        sa.Column("name", sa.String(255), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_apps")),
    )
    op.add_column("runs", sa.Column("app", sa.String(255), nullable=True))
    op.create_index(
        "ix_runs_app_created_at_id",
        "runs",
        ["app", "created_at", "id"],
        sqlite_where=_OF_ANOTHER_APP,
        postgresql_where=_OF_ANOTHER_APP,
    )


def downgrade() -> None:
    op.drop_index("ix_runs_app_created_at_id", "runs")
    op.drop_column("runs", "app")
    op.drop_table("apps")
