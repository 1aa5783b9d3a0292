"""The Audit page: who changed what, newest first."""

from typing import Any

from flask import Blueprint, Flask, render_template, request, url_for
from flask_babel import lazy_gettext as _l

from app import audit
from app.pages.audit import words
from app.web.navigation import Entry, register
from app.web.permissions import requires

bp = Blueprint("audit", __name__, url_prefix="/audit")
PAGE_SIZE = 50


def init_app(app: Flask) -> None:
    app.register_blueprint(bp)
    register(app, Entry("audit.index", _l("Audit"), "scroll-text", 100))


@bp.get("")
@requires("view")
def index() -> str:
    query = _query()
    wanted = audit.Filter(**query)
    page = audit.page(wanted, PAGE_SIZE, request.args.get("cursor"))
    next_url = url_for(".index", **query, cursor=page.next_cursor) if page.next_cursor else ""
    return render_template(
        "audit/index.html",
        entries=page.items,
        query=query,
        words=words,
        next_url=next_url,
        first_url=url_for(".index", **query) if "cursor" in request.args else "",
    )


def _query() -> dict[str, Any]:
    """The filters of the page that are set, as they stand in its address."""
    names = ("actor", "action", "object_kind", "object_id")
    return {name: request.args[name][:255] for name in names if request.args.get(name)}
