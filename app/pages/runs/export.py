"""The runs of the list's filter as a file."""

from flask import Blueprint, Response

from app.pages import list_export
from app.runs import RunFilter, export
from app.web.permissions import requires

bp = Blueprint("run_export", __name__, url_prefix="/runs")


@bp.get("/export.<any(csv, json):kind>")
@requires("view")
def file(kind: str) -> Response:
    """All pages of the list, newest first."""
    return list_export.answer(export.TABLE, kind, RunFilter)
