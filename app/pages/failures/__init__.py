"""The Failures pages: the list of kinds here, what is done to them in `actions`, one of them in `detail`."""

from flask import Flask

from app.pages.failures import actions, detail, listing
from app.pages.failures.blueprint import bp

__all__ = ["actions", "detail", "init_app", "listing"]  # their routes are on the blueprint


def init_app(app: Flask) -> None:
    app.register_blueprint(bp)
    app.jinja_env.globals.update(failed_runs=listing.failed_runs)
