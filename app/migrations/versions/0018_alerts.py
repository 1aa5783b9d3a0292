"""Rules of alerts, what fires, and messages about it."""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None

_WAITS = sa.text("state = 'waiting'")


def _moment(name: str, *default: object, nullable: bool = False) -> sa.Column[Any]:
    server_default = sa.func.now() if default else None
    return sa.Column(name, sa.DateTime(timezone=True), nullable=nullable, server_default=server_default)


def _text(name: str, length: int, default: str | None = None, nullable: bool = False) -> sa.Column[Any]:
    return sa.Column(name, sa.String(length), nullable=nullable, server_default=default)


def upgrade() -> None:
    op.create_table(
        "alert_channels",
        sa.Column("id", sa.Integer(), nullable=False),
        _text("name", 100),
        _text("kind", 16),
        sa.Column("address", sa.Text(), nullable=False),
        sa.Column("secret", sa.Text(), nullable=False, server_default=""),
        _text("language", 16, "en"),
        _moment("created_at", "now"),
        _text("created_by", 64, nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_alert_channels")),
        sa.UniqueConstraint("name", name=op.f("uq_alert_channels_name")),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "alert_rules",
        sa.Column("id", sa.Integer(), nullable=False),
        _text("name", 100),
        _text("kind", 32),
        sa.Column("enabled", sa.Boolean(), nullable=False, server_default=sa.true()),
        _text("task_name", 255, nullable=True),
        _text("queue", 255, nullable=True),
        sa.Column("schedule_id", sa.Integer(), nullable=True),
        sa.Column("seconds", sa.Integer(), nullable=True),
        sa.Column("number", sa.Integer(), nullable=True),
        sa.Column("channels", sa.JSON(), nullable=False, server_default="[]"),
        sa.Column("window_seconds", sa.Integer(), nullable=False, server_default="300"),
        sa.Column("tell_recovery", sa.Boolean(), nullable=False, server_default=sa.true()),
        _text("quiet_from", 5, nullable=True),
        _text("quiet_until", 5, nullable=True),
        _text("quiet_zone", 64, "UTC"),
        _moment("silenced_until", nullable=True),
        _text("silenced_by", 64, nullable=True),
        sa.Column("silenced_note", sa.Text(), nullable=True),
        _moment("since_at", "now"),
        _moment("told_at", nullable=True),
        _moment("created_at", "now"),
        _text("created_by", 64, nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_alert_rules")),
        sa.UniqueConstraint("name", name=op.f("uq_alert_rules_name")),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "alert_states",
        sa.Column("rule_id", sa.Integer(), nullable=False),
        _text("subject", 255),
        _moment("since_at"),
        _moment("last_at"),
        _moment("fires_at"),
        _moment("ended_at", nullable=True),
        _moment("told_of_at", nullable=True),
        sa.Column("facts", sa.JSON(), nullable=False, server_default="{}"),
        sa.Column("path", sa.Text(), nullable=False, server_default="/"),
        sa.PrimaryKeyConstraint("rule_id", "subject", name=op.f("pk_alert_states")),
        sa.ForeignKeyConstraint(
            ["rule_id"],
            ["alert_rules.id"],
            name=op.f("fk_alert_states_rule_id_alert_rules"),
            ondelete="CASCADE",
        ),
    )
    op.create_table(
        "alert_messages",
        sa.Column("id", sa.Integer(), nullable=False),
        _moment("at"),
        sa.Column("rule_id", sa.Integer(), nullable=True),
        _text("rule_name", 100, ""),
        sa.Column("channel_id", sa.Integer(), nullable=False),
        _text("channel_name", 100),
        sa.Column("content", sa.JSON(), nullable=False),
        _text("state", 8, "waiting"),
        sa.Column("attempts", sa.Integer(), nullable=False, server_default="0"),
        _moment("next_at"),
        _moment("claimed_until", nullable=True),
        sa.Column("error", sa.Text(), nullable=True),
        _moment("sent_at", nullable=True),
        _text("run_id", 255, nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_alert_messages")),
        sqlite_autoincrement=True,
    )
    op.create_index(
        "ix_alert_messages_next_at_waiting",
        "alert_messages",
        ["next_at"],
        sqlite_where=_WAITS,
        postgresql_where=_WAITS,
    )
    op.create_index(op.f("ix_alert_messages_at"), "alert_messages", ["at"])
    op.create_table(
        "alert_failure_kinds",
        _text("task_name", 255),
        _text("kind", 100),
        _moment("last_at"),
        sa.PrimaryKeyConstraint("task_name", "kind", name=op.f("pk_alert_failure_kinds")),
    )
    op.create_table(
        "alert_turns",
        sa.Column("id", sa.Integer(), nullable=False),
        _moment("next_at"),
        _text("token", 36, ""),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_alert_turns")),
    )


def downgrade() -> None:
    for table in ("turns", "failure_kinds", "messages", "states", "rules", "channels"):
        op.drop_table(f"alert_{table}")
