"""The Audit page: who changed what, newest first."""

from flask import Blueprint, Flask, render_template, request
from flask_babel import lazy_gettext as _l
from werkzeug.wrappers import Response

from app import audit, lists
from app.accounts import users
from app.lists.export import MOST
from app.lists.fields import SPAN_WORDS
from app.pages import list_export, views
from app.pages.audit import details, words
from app.web import viewer
from app.web.navigation import Entry, register
from app.web.permissions import requires

bp = Blueprint("audit", __name__, url_prefix="/audit")
PAGE_SIZE = 50


def init_app(app: Flask) -> None:
    app.register_blueprint(bp)
    register(app, Entry("audit.index", _l("Audit"), "scroll-text", 100))


@bp.get("")
@requires("view")
def index() -> str | Response:
    if (first := views.first_view("audit")) is not None:
        return first
    query = lists.read(audit.AuditFilter, request.args, viewer.now(), viewer.zone())
    page = audit.page(query.filter, PAGE_SIZE, query.cursor)
    group = query.filter.action
    groups = [(name, word, "", "") for name, word in words.GROUPS.items()]
    shown = ("last", "actor", "via", *(["action"] if group in words.GROUPS else []))
    return render_template(
        "audit/index.html",
        asked=query,
        page=page,
        words=words,
        details=details,
        above=views.above("audit", query),
        export_most=MOST,
        people=[user.name for user in users.listing()],
        chips=lists.chips(query, "action", groups, group),
        tags=lists.tags(query, shown, lambda name, text: words.action(text) if name == "action" else text),
        ranges=SPAN_WORDS,
    )


@bp.get("/export.<any(csv, json):kind>")
@requires("view")
def export(kind: str) -> Response:
    """All pages of the list as a file, newest first."""
    return list_export.answer(audit.export.TABLE, kind, audit.AuditFilter)
