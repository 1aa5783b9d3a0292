"""The runs of the list's filter as a file."""

from flask import Blueprint, Response, current_app, request

from app.errors import Invalid
from app.pages.runs import filters
from app.runs import export
from app.web import viewer
from app.web.permissions import requires

bp = Blueprint("run_export", __name__, url_prefix="/runs")
_TYPES = {"csv": "text/csv; charset=utf-8", "json": "application/json"}


@bp.get("/export.<any(csv, json):kind>")
@requires("view")
def file(kind: str) -> Response:
    """All pages of the list, newest first, at most `export.MOST`; a filter that cannot be used is refused."""
    now = viewer.now()
    wanted = filters.wanted(request.args, now, viewer.zone())
    if wanted.errors:  # never other runs than those that are asked for
        raise Invalid({name: [text] for name, text in wanted.errors.items()})
    app = current_app._get_current_object()  # type: ignore[attr-defined]  # werkzeug's proxy
    answer = Response(export.WRITERS[kind](app, wanted.filter), content_type=_TYPES[kind])
    answer.headers["Content-Disposition"] = f'attachment; filename="runs-{now:%Y%m%d-%H%M%S}.{kind}"'
    answer.headers["Cache-Control"] = "no-store"
    return answer
