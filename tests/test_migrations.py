"""The migrations make exactly the tables of the models, and can be taken back, on both databases."""

import pytest
from flask import Flask
from flask_migrate import check, downgrade, upgrade
from sqlalchemy import inspect, text

from app.extensions import Base, db

pytestmark = pytest.mark.database


@pytest.mark.filterwarnings("ignore:.*expression-based index")
def test_models_and_migrations_agree(app: Flask) -> None:
    check()  # exits when autogenerate would find a difference


def test_down_and_up_again(app: Flask) -> None:
    db.session.remove()
    before = set(inspect(db.engine).get_table_names())
    try:
        downgrade(revision="base")
        assert set(inspect(db.engine).get_table_names()) == {"alembic_version"}
    finally:
        upgrade()
    assert set(inspect(db.engine).get_table_names()) == before


def test_what_python_fills_the_database_fills_too(app: Flask) -> None:
    for table in Base.metadata.sorted_tables:
        known = {column["name"]: column for column in inspect(db.engine).get_columns(table.name)}
        for column in table.columns:
            if column.autoincrement is True or column is table.autoincrement_column:
                continue
            assert column.default is None or column.server_default is not None, column
            assert (column.server_default is None) == (known[column.name]["default"] is None), column


def test_an_id_is_not_used_again_after_the_defaults_were_written(app: Flask) -> None:
    """SQLite's counter of ids, and rows that refer to others, survive the migration down and up."""
    insert = text(
        "INSERT INTO schedules (name, task_name, task_type) VALUES (:name, 't', 'cron') RETURNING id"
    )
    with db.engine.begin() as connection:
        first = connection.execute(insert, {"name": "a"}).scalar_one()
        connection.execute(text("DELETE FROM schedules"))
        user = "INSERT INTO users (name, name_key, role, created_at) VALUES ('m', 'm', 'admin', '2026-01-01')"
        connection.execute(text(user))
        token = "INSERT INTO api_tokens (user_id, label, start, token_hash, created_at) "
        token += "SELECT id, '', 's', 'd', created_at FROM users"
        connection.execute(text(token))
    db.session.remove()
    downgrade(revision="0011")
    upgrade()
    with db.engine.begin() as connection:
        assert connection.execute(insert, {"name": "b"}).scalar_one() > first
        assert connection.execute(text("SELECT count(*) FROM api_tokens")).scalar_one() == 1
        if db.engine.dialect.name == "sqlite":
            assert connection.execute(text("PRAGMA integrity_check")).scalar_one() == "ok"
