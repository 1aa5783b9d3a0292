"""Whose task the numbers are of: other apps may have one of the same name.

What is counted already goes to the only app that has such a task, to Celeriac's own where that is not sure.
"""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0034"
down_revision = "0033"
branch_labels = None
depends_on = None

KEYS = {"task_hours": ["task_name", "hour_at"], "run_totals": ["task_name", "queue", "name"]}


def upgrade() -> None:
    tasks = sa.table("app_tasks", sa.column("app"), sa.column("name"))
    for name, key in KEYS.items():
        with op.batch_alter_table(name) as batch:
            batch.add_column(sa.Column("app", sa.String(255), nullable=False, server_default="celeriac"))
            batch.drop_constraint(f"pk_{name}", type_="primary")
            batch.create_primary_key(f"pk_{name}", ["app", *key])
        numbers = sa.table(name, sa.column("app"), sa.column("task_name"))
        has_it = sa.select(sa.func.min(tasks.c.app)).where(tasks.c.name == numbers.c.task_name)
        only = has_it.having(sa.func.count(tasks.c.app.distinct()) == 1).scalar_subquery()
        op.execute(numbers.update().values(app=sa.func.coalesce(only, numbers.c.app)))


def downgrade() -> None:
    for name, key in KEYS.items():
        _add_up(name, key)
        with op.batch_alter_table(name) as batch:
            batch.drop_constraint(f"pk_{name}", type_="primary")
            batch.drop_column("app")
            batch.create_primary_key(f"pk_{name}", key)


def _add_up(name: str, key: list[str]) -> None:
    """Make one row of those of several apps."""
    connection = op.get_bind()
    table = sa.Table(name, sa.MetaData(), autoload_with=connection)
    columns = [table.c[column] for column in key]
    shared = sa.select(*columns).group_by(*columns).having(sa.func.count() > 1)
    sums: dict[tuple[Any, ...], dict[str, Any]] = {}
    for row in connection.execute(sa.select(table).where(sa.tuple_(*columns).in_(shared))).mappings():
        known = sums.setdefault(tuple(row[column] for column in key), {})
        added = {column: _sum(known[column], row[column]) for column in known.keys() - {"app", *key}}
        known |= dict(row) | added
    connection.execute(table.delete().where(sa.tuple_(*columns).in_(shared)))
    if sums:
        connection.execute(table.insert(), list(sums.values()))


def _sum(one: Any, other: Any) -> Any:
    if isinstance(one, dict):
        return {name: one.get(name, 0) + other.get(name, 0) for name in {*one, *other}}
    return one + other
