"""The pages of runs: the list here, one run in `detail`."""

from datetime import timedelta

from flask import Flask, render_template
from flask_babel import lazy_gettext as _l
from flask_babel import ngettext
from werkzeug.wrappers import Response

from app import runs
from app.pages import views
from app.pages.runs import bulk, comparison, detail, export, listing, log, row_menu, subscription
from app.pages.runs.blueprint import bp
from app.runs import states
from app.runs.failures import inbox
from app.web import live, viewer
from app.web.navigation import Count, Entry, register
from app.web.permissions import requires

__all__ = ["comparison", "detail", "init_app", "row_menu"]  # their routes are on the blueprint

_COUNTED = 999


def init_app(app: Flask) -> None:
    app.register_blueprint(bp)
    app.register_blueprint(export.bp)
    app.register_blueprint(log.bp)
    app.register_blueprint(bulk.bp)
    subscription.init_app(app)
    app.jinja_env.globals["state_look"] = states.of
    register(app, Entry("runs.index", _l("Runs"), "list-checks", 50, count=_open_count))


@bp.get("")
@requires("view")
def index() -> str | Response:
    return views.first_view("runs") or render_template("runs/index.html", **listing.parts())


@bp.get("/table")
@requires("view")
def table() -> str | Response:
    return live.fragment("runs/_table.html", runs.version(), listing.parts)


def _open_count() -> Count | None:
    """The open kinds of failures that failed in 24 hours, for the sidebar."""
    number = inbox.open_count(viewer.now() - timedelta(hours=24), viewer.now())
    name = ngettext("%(num)d open kind of failure in 24 h", "%(num)d open kinds of failures in 24 h", number)
    return Count(f"{_COUNTED}+" if number > _COUNTED else str(number), name, "failed") if number else None
