"""The runs of the list's filter as a file."""

from flask import Blueprint, Response, current_app, request

from app import lists
from app.runs import RunFilter, export
from app.web import viewer
from app.web.permissions import requires

bp = Blueprint("run_export", __name__, url_prefix="/runs")
_TYPES = {"csv": "text/csv; charset=utf-8", "json": "application/json"}


@bp.get("/export.<any(csv, json):kind>")
@requires("view")
def file(kind: str) -> Response:
    """All pages of the list, newest first, at most `export.MOST`; a filter that cannot be used is refused."""
    now = viewer.now()
    wanted = lists.read(RunFilter, request.args, now, viewer.zone()).usable()
    app = current_app._get_current_object()  # type: ignore[attr-defined]  # werkzeug's proxy
    answer = Response(export.WRITERS[kind](app, wanted), content_type=_TYPES[kind])
    answer.headers["Content-Disposition"] = f'attachment; filename="runs-{now:%Y%m%d-%H%M%S}.{kind}"'
    answer.headers["Cache-Control"] = "no-store"
    return answer
