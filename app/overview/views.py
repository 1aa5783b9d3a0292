"""The start page, live."""

from typing import Any

from flask import Blueprint, Flask, render_template
from flask_babel import lazy_gettext as _l
from werkzeug.wrappers import Response

from app import overview
from app.config import settings
from app.web import live, viewer
from app.web.access import requires
from app.web.navigation import Entry, register

bp = Blueprint("overview", __name__)
SHOWN_FAILURES = 6


def init_app(app: Flask) -> None:
    app.register_blueprint(bp)
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
