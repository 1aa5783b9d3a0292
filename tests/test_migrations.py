"""The migrations make exactly the tables of the models, and can be taken back, on both databases."""

import pytest
from flask import Flask
from flask_migrate import check, downgrade, upgrade
from sqlalchemy import inspect

from app.extensions import db

pytestmark = pytest.mark.database


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
