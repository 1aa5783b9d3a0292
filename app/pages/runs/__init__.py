"""The pages of runs: the list here, one run in `detail`."""

from datetime import timedelta

from flask import Flask, render_template
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_babel import ngettext
from werkzeug.wrappers import Response

from app import runs
from app.pages import views
from app.pages.runs import bulk, comparison, detail, export, listing, log, row_menu
from app.pages.runs.blueprint import bp
from app.runs import states
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
    app.jinja_env.globals["state_look"] = states.of
    register(app, Entry("runs.index", _l("Runs"), "list-checks", 50, count=_failed_count))


@bp.get("")
@requires("view")
def index() -> str | Response:
    return views.first_view("runs") or render_template("runs/index.html", **listing.parts())


@bp.get("/table")
@requires("view")
def table() -> str | Response:
    return live.fragment("runs/_table.html", runs.version(), listing.parts)


@bp.get("/failures")
@requires("view")
def failures() -> str | Response:
    return views.first_view("failures") or render_template("runs/failures.html", **listing.failures())


def _failed_count() -> Count | None:
    """The runs that failed in 24 hours, for the sidebar."""
    number = runs.failed_count(viewer.now() - timedelta(hours=24), _COUNTED + 1)
    name = ngettext("%(num)d run failed in 24 h", "%(num)d runs failed in 24 h", number)
    if number > _COUNTED:
        name = _("More than %(n)s runs failed in 24 h", n=_COUNTED)
    return Count(f"{_COUNTED}+" if number > _COUNTED else str(number), name, "failed") if number else None
