"""Which code and versions workers started with, and which of these starts were deploys."""

import sqlalchemy as sa
from alembic import op

revision = "0030"
down_revision = "0029"
branch_labels = None
depends_on = None

_BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "worker_starts",
        sa.Column("id", _BIG, nullable=False),
        sa.Column("app", sa.String(255), nullable=False),
        sa.Column("hostname", sa.String(255), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("version", sa.String(64), nullable=False),
        sa.Column("is_deploy", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_worker_starts")),
    )
    op.create_index(
        op.f("ix_worker_starts_app_hostname_at"), "worker_starts", ["app", "hostname", "at"], unique=True
    )
    op.create_index(op.f("ix_worker_starts_app_version"), "worker_starts", ["app", "version"])
    op.create_index(op.f("ix_worker_starts_at"), "worker_starts", ["at"])


def downgrade() -> None:
    op.drop_table("worker_starts")
