"""The page of the latest workflows."""

from flask import Blueprint, Flask, render_template
from flask_babel import lazy_gettext as _l
from werkzeug.wrappers import Response

from app import runs, workflows
from app.accounts import requires
from app.web import live
from app.web.navigation import Entry, register
from app.workflows import presentation

bp = Blueprint("workflows", __name__, url_prefix="/workflows")


def init_app(app: Flask) -> None:
    app.register_blueprint(bp)
    app.jinja_env.globals.update(shown_members=presentation.shown_members)
    register(app, Entry("workflows.index", _l("Workflows"), "git-fork", 70))


@bp.get("")
@requires("view")
def index() -> str:
    return render_template("workflows/index.html", version=runs.version(), found=workflows.latest())


@bp.get("/table")
@requires("view")
def table() -> str | Response:
    version = runs.version()
    if live.unchanged(version):
        return live.nothing_new()
    return render_template("workflows/_table.html", version=version, found=workflows.latest())
