"""The start page, live."""

from typing import Any

from flask import Blueprint, Flask, current_app, redirect, render_template, request, url_for
from flask_babel import lazy_gettext as _l
from werkzeug.wrappers import Response

from app import overview
from app.accounts import requires
from app.config import settings
from app.web import live, viewer
from app.web.navigation import Entry, register

bp = Blueprint("overview", __name__)
search_bp = Blueprint("search", __name__)  # of its own: a search is not the start page
SHOWN_FAILURES = 6
MAX_TEXT = 200


def init_app(app: Flask) -> None:
    app.register_blueprint(bp)
    app.register_blueprint(search_bp)
    register(app, Entry("overview.index", _l("Overview"), "layout-dashboard", 10))


@bp.get("/")
@requires("view")
def index() -> str:
    return render_template("overview/index.html", **_shown())


@bp.get("/overview/live")
@requires("view")
def part() -> str | Response:
    """Always read afresh: what waits and who works moves without the history."""
    shown = _shown()
    if live.unchanged(shown["version"]):
        return live.nothing_new()
    return render_template("overview/_live.html", **shown)


def _shown() -> dict[str, Any]:
    summary = overview.summary(settings().declared_queues, viewer.now())
    return {"summary": summary, "version": summary.version, "shown_failures": SHOWN_FAILURES}


@search_bp.get("/search")
@requires("view")
def results() -> str | Response:
    """Tasks, schedules and runs that match; a whole run id leads straight to its run."""
    text = request.args.get("q", "").strip()[:MAX_TEXT]
    found = overview.search(current_app.extensions["celery"], text)
    if found.run_id:
        return redirect(url_for("runs.show", run_id=found.run_id))
    return render_template("overview/search.html", q=text, found=found)
