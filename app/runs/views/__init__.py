"""The pages of runs: the list here, one run in `one`."""

from celery import Celery
from flask import Flask, current_app, render_template
from flask_babel import lazy_gettext as _l
from werkzeug.wrappers import Response

from app import runs
from app.accounts import requires
from app.runs.views import clean_up, listing, log, many
from app.runs.views import one as one  # its routes are on the blueprint
from app.runs.views.blueprint import bp
from app.web import live, viewer
from app.web.navigation import Entry, register


def init_app(app: Flask) -> None:
    app.register_blueprint(bp)
    app.register_blueprint(clean_up.bp)
    app.register_blueprint(log.bp)
    app.register_blueprint(many.bp)
    register(app, Entry("runs.index", _l("Runs"), "list-checks", 50))


@bp.get("")
@requires("view")
def index() -> str:
    return render_template("runs/index.html", gaps=runs.gaps(viewer.now()), **listing.parts(_celery()))


@bp.get("/table")
@requires("view")
def table() -> str | Response:
    if live.unchanged(runs.version()):
        return live.nothing_new()
    return render_template("runs/_table.html", **listing.parts(_celery()))


@bp.get("/failures")
@requires("view")
def failures() -> str:
    return render_template("runs/failures.html", **listing.failures())


def _celery() -> Celery:
    return current_app.extensions["celery"]
