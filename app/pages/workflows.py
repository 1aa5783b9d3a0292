"""The page of the latest workflows."""

from typing import Any

from flask import Blueprint, Flask, render_template, request
from flask_babel import lazy_gettext as _l
from werkzeug.wrappers import Response

from app import lists, runs, workflows
from app.web import live, viewer
from app.web.navigation import Entry, register
from app.web.permissions import requires
from app.workflows import presentation

bp = Blueprint("workflows", __name__, url_prefix="/workflows")


def init_app(app: Flask) -> None:
    app.register_blueprint(bp)
    app.jinja_env.globals.update(shown_members=presentation.shown_members)
    register(app, Entry("workflows.index", _l("Workflows"), "git-fork", 70))


@bp.get("")
@requires("view")
def index() -> str:
    return render_template("workflows/index.html", **_shown())


@bp.get("/table")
@requires("view")
def table() -> str | Response:
    return live.fragment("workflows/_table.html", runs.version(), _shown)


def _shown() -> dict[str, Any]:
    """One page; the version is read first: a change meanwhile is seen next time."""
    version = runs.version()
    query = lists.read(lists.Filter, request.args, viewer.now(), viewer.zone(), ("cursor", "version"))
    page = workflows.latest(query.cursor)
    return {"version": version, "asked": query, "page": page, "tags": lists.tags(query)}
