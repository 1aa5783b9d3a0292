"""What an OpenID Connect provider knows a user by."""

import sqlalchemy as sa
from alembic import op

revision = "0024"
down_revision = "0023"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("users", sa.Column("identity", sa.String(64), nullable=True))
    op.create_index(op.f("ix_users_identity"), "users", ["identity"], unique=True)


def downgrade() -> None:
    op.drop_index(op.f("ix_users_identity"), "users")
    op.drop_column("users", "identity")
