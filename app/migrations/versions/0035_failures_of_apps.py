"""Whose task a kind of failures is of: other apps may have one of the same name.

What is there goes to the only app that has such a task, to Celeriac's own where that is not sure.
"""

import sqlalchemy as sa
from alembic import op

revision = "0035"
down_revision = "0034"
branch_labels = None
depends_on = None

_OF_TASKS = ("run_failed", "failures_in_row", "new_failure")


def upgrade() -> None:
    app = sa.Column("app", sa.String(255), nullable=False, server_default="celeriac")
    op.add_column("failure_kinds", app)
    op.drop_index("uq_failure_kinds_task_name_kind", "failure_kinds")
    key = ["app", "task_name", "kind"]
    op.create_index("uq_failure_kinds_app_task_name_kind", "failure_kinds", key, unique=True)
    kinds, states, rules, tasks = _tables("failure_kinds", "alert_states", "alert_rules", "app_tasks")
    first = sa.func.min(tasks.c.app)
    only = sa.select(tasks.c.name, first).group_by(tasks.c.name)
    only = only.having(sa.func.count(tasks.c.app.distinct()) == 1, first != "celeriac")
    connection = op.get_bind()
    apps: dict[str, str] = {row[0]: row[1] for row in connection.execute(only)}
    for name, whose in apps.items():
        connection.execute(kinds.update().where(kinds.c.task_name == name).values(app=whose))
    of_tasks = sa.select(states).join(rules, rules.c.id == states.c.rule_id)
    for row in connection.execute(of_tasks.where(rules.c.kind.in_(_OF_TASKS))).all():
        if owner := apps.get(row.facts.get("name")):
            one = states.update().where(states.c.rule_id == row.rule_id, states.c.subject == row.subject)
            facts = {**row.facts, "app": owner}
            connection.execute(one.values(subject=f"{owner} {row.subject}"[:255], facts=facts))


def downgrade() -> None:
    """Kinds of several apps become one; what fires of another app's task is forgotten."""
    states, kinds, changes = _tables("alert_states", "failure_kinds", "failure_changes")
    connection = op.get_bind()
    for row in connection.execute(sa.select(states)).all():
        if "app" in row.facts:
            one = states.delete().where(states.c.rule_id == row.rule_id, states.c.subject == row.subject)
            connection.execute(one)
    kept: dict[tuple[str, str], sa.Row[tuple[object, ...]]] = {}
    for row in connection.execute(sa.select(kinds).order_by(kinds.c.last_at.desc(), kinds.c.id)).all():
        newest = kept.setdefault((row.task_name, row.kind), row)
        if newest is row:
            continue
        added = {"failures": kinds.c.failures + row.failures}
        if row.first_at < newest.first_at:
            added |= {"first_at": row.first_at, "first_run_id": row.first_run_id}
        connection.execute(kinds.update().where(kinds.c.id == newest.id).values(added))
        connection.execute(changes.update().where(changes.c.kind_id == row.id).values(kind_id=newest.id))
        connection.execute(kinds.delete().where(kinds.c.id == row.id))
    op.drop_index("uq_failure_kinds_app_task_name_kind", "failure_kinds")
    op.create_index("uq_failure_kinds_task_name_kind", "failure_kinds", ["task_name", "kind"], unique=True)
    op.drop_column("failure_kinds", "app")


def _tables(*names: str) -> list[sa.Table]:
    return [sa.Table(name, sa.MetaData(), autoload_with=op.get_bind()) for name in names]
