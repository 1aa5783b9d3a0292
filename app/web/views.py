"""Choices of the viewer that need no sign-in: theme and language, kept in cookies."""

from flask import Blueprint, request, url_for
from werkzeug.wrappers import Response

from app.errors import Invalid
from app.web import viewer
from app.web.htmx import go_to, safe_return

bp = Blueprint("preferences", __name__, url_prefix="/preferences")
_KEEP_SECONDS = 365 * 86400


def _remember(name: str, allowed: tuple[str, ...]) -> Response:
    value = request.form.get(name, "")
    if value not in allowed:
        raise Invalid({name: ["Choose one of: " + ", ".join(allowed) + "."]})
    answer = go_to(safe_return(request.form.get("next"), url_for("overview.index")))
    answer.set_cookie(
        name, value, max_age=_KEEP_SECONDS, samesite="Lax", secure=request.is_secure, httponly=True
    )
    return answer


@bp.post("/theme")
def theme() -> Response:
    return _remember("theme", viewer.THEMES)


@bp.post("/language")
def language() -> Response:
    return _remember("language", tuple(viewer.languages()))
