"""Runs the migrations on the app's own engine."""

from typing import Any, Literal

from alembic import context
from flask import current_app

from app.clock import UTCDateTime
from app.extensions import Base


def render_item(kind: str, item: Any, autogen_context: Any) -> str | Literal[False]:
    """Write our column type as plain SQLAlchemy: migrations do not change when the code moves."""
    return "sa.DateTime(timezone=True)" if kind == "type" and isinstance(item, UTCDateTime) else False


def complete_indexes() -> None:
    """Give the models' partial indexes their conditions in SQL, which load the dialects of both databases."""
    for index in (index for table in Base.metadata.tables.values() for index in table.indexes):
        where = index.info.get("where")
        if where is not None:
            for dialect in ("sqlite", "postgresql"):
                condition = where[dialect] if isinstance(where, dict) else where
                index.dialect_kwargs[f"{dialect}_where"] = condition


def run() -> None:
    complete_indexes()
    migrate = current_app.extensions["migrate"]
    with migrate.db.engine.connect() as connection:
        context.configure(
            connection=connection,
            target_metadata=Base.metadata,
            render_item=render_item,
            transaction_per_migration=True,
            **migrate.configure_args,
        )
        with context.begin_transaction():
            context.run_migrations()


run()
