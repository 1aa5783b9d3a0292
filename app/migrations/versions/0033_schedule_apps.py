"""Whose task a schedule runs; none for Celeriac's own. Those that are there keep the one they fire for."""

import sqlalchemy as sa
from alembic import op

revision = "0033"
down_revision = "0032"
branch_labels = None
depends_on = None

# As it was at each fire: ours goes first; of several others, the first by name.
_APPS = """
UPDATE schedules
SET app = (SELECT min(app_tasks.app) FROM app_tasks WHERE app_tasks.name = schedules.task_name)
WHERE NOT EXISTS (
    SELECT 1 FROM app_tasks WHERE app_tasks.name = schedules.task_name AND app_tasks.app = 'celeriac'
)
"""


def upgrade() -> None:
    op.add_column("schedules", sa.Column("app", sa.String(255), nullable=True))
    op.execute(_APPS)


def downgrade() -> None:
    op.drop_column("schedules", "app")
