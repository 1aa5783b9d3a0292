"""Migrates the database, makes the first admin, and prints the path of a one-time sign-in link."""

import logging

from flask_migrate import upgrade

from app import create_app
from app.accounts import ensure_first_admin
from app.clock import utcnow


def main() -> None:
    logging.getLogger("alembic").setLevel(logging.WARNING)
    with create_app(pages=False).app_context():
        upgrade()
        print(ensure_first_admin(utcnow()))


if __name__ == "__main__":
    main()
