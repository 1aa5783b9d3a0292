"""The viewer's theme and language: kept with the account when signed in, else in a cookie."""

from flask import Blueprint, Flask, request, url_for
from flask_babel import gettext as _
from flask_login import current_user
from werkzeug.wrappers import Response

from app.accounts import users
from app.errors import Invalid
from app.web import viewer
from app.web.htmx import go_to, safe_return

bp = Blueprint("preferences", __name__, url_prefix="/preferences")


@bp.post("/theme")
def theme() -> Response:
    chosen = _one_of("theme", viewer.THEMES)
    if current_user.is_authenticated:
        users.set_preferences(current_user, current_user.timezone, chosen, current_user.locale)
    return _remember("theme", chosen)


@bp.post("/locale")
def locale() -> Response:
    chosen = _one_of("locale", tuple(viewer.languages()))
    if current_user.is_authenticated:
        users.set_preferences(current_user, current_user.timezone, current_user.theme, chosen)
    return _remember("locale", chosen)


def _one_of(name: str, allowed: tuple[str, ...]) -> str:
    value = request.form.get(name, "")
    if value not in allowed:
        raise Invalid({name: [_("Choose one of: %(choices)s.", choices=", ".join(allowed))]})
    return value


def _remember(name: str, value: str) -> Response:
    """Also for the sign-in page, which does not know yet who comes."""
    answer = go_to(safe_return(request.form.get("next"), url_for("overview.index")))
    viewer.keep(answer, name, value)
    return answer


def init_app(app: Flask) -> None:
    app.register_blueprint(bp)
