"""Schedules."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

UNFINISHED = (
    "schedule_id IS NOT NULL AND state IN "
    "('PENDING', 'HELD', 'SCHEDULED', 'RECEIVED', 'STARTED', 'PROGRESS', 'RETRY')"
)
# An edit made in SQL does not move the version, as the application does: beat then works out the next fire.
TIMING = (
    *("enabled", "task_type", "run_at", "interval_seconds", "anchor_at", "cron_schedule", "timezone"),
    *("starts_at", "ends_at"),
)
NEW, OLD = (", ".join(f"{row}.{column}" for column in TIMING) for row in ("NEW", "OLD"))
TRIGGERS = f"""
CREATE FUNCTION celeriac_schedule_edited() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'INSERT' THEN
        IF NEW.enabled AND NEW.next_run_at IS NULL AND NEW.retired_at IS NULL THEN
            NEW.next_run_at := now();
        END IF;
    ELSIF NEW.version = OLD.version AND ({NEW}) IS DISTINCT FROM ({OLD}) THEN
        NEW.version := OLD.version + 1;
        IF NEW.interval_seconds IS DISTINCT FROM OLD.interval_seconds AND NEW.anchor_at = OLD.anchor_at THEN
            NEW.anchor_at := now();
        END IF;
        NEW.next_due_at := NULL;
        NEW.next_run_at := CASE WHEN NEW.enabled AND NEW.retired_at IS NULL THEN now() END;
    END IF;
    RETURN NEW;
END $$;

CREATE FUNCTION celeriac_schedule_due_earlier() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.next_run_at IS NOT NULL AND (
        TG_OP = 'INSERT' OR OLD.next_run_at IS NULL OR NEW.next_run_at < OLD.next_run_at
    ) THEN
        PERFORM pg_notify('celeriac_schedules', '');
    END IF;
    RETURN NULL;
END $$;

CREATE TRIGGER celeriac_schedule_edited BEFORE INSERT OR UPDATE ON schedules
    FOR EACH ROW EXECUTE FUNCTION celeriac_schedule_edited();
CREATE TRIGGER celeriac_schedule_due_earlier AFTER INSERT OR UPDATE ON schedules
    FOR EACH ROW EXECUTE FUNCTION celeriac_schedule_due_earlier();
"""


def upgrade() -> None:
    op.create_table(
        "schedule_changes",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("schedule_id", sa.Integer(), nullable=False),
        sa.Column("schedule_name", sa.String(length=200), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("by", sa.String(length=255), nullable=True),
        sa.Column("action", sa.String(length=16), nullable=False),
        sa.Column("note", sa.Text(), nullable=True),
        sa.Column("diff", sa.JSON(), nullable=False),
        sa.Column("snapshot", sa.JSON(none_as_null=True), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_schedule_changes")),
    )
    with op.batch_alter_table("schedule_changes", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_schedule_changes_at"), ["at"], unique=False)
        batch_op.create_index(
            batch_op.f("ix_schedule_changes_schedule_id_id"), ["schedule_id", "id"], unique=False
        )

    op.create_table(
        "schedules",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("task_name", sa.String(length=255), nullable=False),
        sa.Column("task_type", sa.String(length=16), nullable=False),
        sa.Column("run_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("interval_seconds", sa.Integer(), nullable=True),
        sa.Column("anchor_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("cron_schedule", sa.String(length=256), nullable=True),
        sa.Column("timezone", sa.String(length=64), nullable=False),
        sa.Column("args", sa.JSON(), nullable=False),
        sa.Column("kwargs", sa.JSON(), nullable=False),
        sa.Column("enabled", sa.Boolean(), nullable=False),
        sa.Column("queue", sa.String(length=255), nullable=True),
        sa.Column("priority", sa.Integer(), nullable=True),
        sa.Column("starts_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("ends_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("max_runs", sa.Integer(), nullable=True),
        sa.Column("overlap", sa.String(length=16), nullable=False),
        sa.Column("on_missed", sa.String(length=16), nullable=True),
        sa.Column("grace_seconds", sa.Integer(), nullable=True),
        sa.Column("jitter_seconds", sa.Integer(), nullable=False),
        sa.Column("message_ttl_seconds", sa.Integer(), nullable=True),
        sa.Column("note", sa.Text(), nullable=False),
        sa.Column("skips", sa.JSON(none_as_null=True), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("created_by", sa.String(length=255), nullable=True),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_by", sa.String(length=255), nullable=True),
        sa.Column("disabled_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("disabled_by", sa.String(length=255), nullable=True),
        sa.Column("disabled_note", sa.Text(), nullable=True),
        sa.Column("origin", sa.String(length=8), nullable=False),
        sa.Column("code_key", sa.String(length=200), nullable=True),
        sa.Column("code_definition", sa.JSON(none_as_null=True), nullable=True),
        sa.Column("retired_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("drift", sa.JSON(none_as_null=True), nullable=True),
        sa.Column("next_due_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("next_run_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("last_run_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("run_count", sa.Integer(), nullable=False),
        sa.Column("last_error", sa.Text(), nullable=True),
        sa.Column("last_error_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_schedules")),
        sa.UniqueConstraint("code_key", name=op.f("uq_schedules_code_key")),
        sa.UniqueConstraint("name", name=op.f("uq_schedules_name")),
        sqlite_autoincrement=True,
    )
    with op.batch_alter_table("schedules", schema=None) as batch_op:
        batch_op.create_index(
            "ix_schedules_next_run_at",
            ["next_run_at"],
            unique=False,
            sqlite_where=sa.text("enabled = 1"),
            postgresql_where=sa.text("enabled"),
        )
        batch_op.create_index(batch_op.f("ix_schedules_task_name_id"), ["task_name", "id"], unique=False)

    with op.batch_alter_table("runs", schema=None) as batch_op:
        batch_op.create_index(
            "ix_runs_schedule_id_created_at_id",
            ["schedule_id", "created_at", "id"],
            unique=False,
            sqlite_where=sa.text("schedule_id IS NOT NULL"),
            postgresql_where=sa.text("schedule_id IS NOT NULL"),
        )
        batch_op.create_index(
            "ix_runs_schedule_id_unfinished",
            ["schedule_id"],
            unique=False,
            sqlite_where=sa.text(UNFINISHED),
            postgresql_where=sa.text(UNFINISHED),
        )
        batch_op.create_index(
            "ix_runs_state_send_at_unsent",
            ["state", "send_at"],
            unique=False,
            sqlite_where=sa.text("outbox IS NOT NULL"),
            postgresql_where=sa.text("outbox IS NOT NULL"),
        )

    if op.get_bind().dialect.name == "postgresql":
        op.execute(TRIGGERS)


def downgrade() -> None:
    with op.batch_alter_table("runs", schema=None) as batch_op:
        batch_op.drop_index(
            "ix_runs_state_send_at_unsent",
            sqlite_where=sa.text("outbox IS NOT NULL"),
            postgresql_where=sa.text("outbox IS NOT NULL"),
        )
        batch_op.drop_index(
            "ix_runs_schedule_id_unfinished",
            sqlite_where=sa.text(UNFINISHED),
            postgresql_where=sa.text(UNFINISHED),
        )
        batch_op.drop_index(
            "ix_runs_schedule_id_created_at_id",
            sqlite_where=sa.text("schedule_id IS NOT NULL"),
            postgresql_where=sa.text("schedule_id IS NOT NULL"),
        )

    with op.batch_alter_table("schedules", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_schedules_task_name_id"))
        batch_op.drop_index(
            "ix_schedules_next_run_at",
            sqlite_where=sa.text("enabled = 1"),
            postgresql_where=sa.text("enabled"),
        )

    op.drop_table("schedules")
    with op.batch_alter_table("schedule_changes", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_schedule_changes_schedule_id_id"))
        batch_op.drop_index(batch_op.f("ix_schedule_changes_at"))

    op.drop_table("schedule_changes")
    if op.get_bind().dialect.name == "postgresql":
        op.execute("DROP FUNCTION celeriac_schedule_edited, celeriac_schedule_due_earlier")
