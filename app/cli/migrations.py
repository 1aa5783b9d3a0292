"""`flask db`: Flask-Migrate's commands. Only who migrates has them: Alembic takes megabytes."""

from flask import Flask
from flask_migrate import Migrate

from app.config import MIGRATIONS
from app.extensions import db


def init_app(app: Flask) -> None:
    Migrate(app, db, directory=str(MIGRATIONS), render_as_batch=True)
