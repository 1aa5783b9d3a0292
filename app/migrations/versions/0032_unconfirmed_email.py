"""The e-mail address that a person entered and that no link has confirmed yet; those of before count."""

import sqlalchemy as sa
from alembic import op

revision = "0032"
down_revision = "0031"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("users", sa.Column("unconfirmed_email", sa.String(254), nullable=True))


def downgrade() -> None:
    op.drop_column("users", "unconfirmed_email")
