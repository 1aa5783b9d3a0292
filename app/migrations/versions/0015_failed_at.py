"""Failures are found by when they failed."""

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None

_FAILED = sa.text("state IN ('FAILURE', 'LOST')")
_FAILED_AT = sa.text("coalesce(ended_at, created_at)")


def upgrade() -> None:
    op.drop_index("ix_runs_failed", table_name="runs")
    _index("ix_runs_failed", "task_name", _FAILED_AT, "id")
    _index("ix_runs_failed_at", "state", _FAILED_AT, "id")


def downgrade() -> None:
    op.drop_index("ix_runs_failed_at", table_name="runs")
    op.drop_index("ix_runs_failed", table_name="runs")
    _index("ix_runs_failed", "task_name", "created_at", "id")


def _index(name: str, *columns: str | sa.TextClause) -> None:
    op.create_index(name, "runs", list(columns), sqlite_where=_FAILED, postgresql_where=_FAILED)
