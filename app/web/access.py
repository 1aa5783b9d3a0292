"""Who asks, and whether they may: bearer tokens and sessions, the `requires` decorator, the origin of changes."""

from collections.abc import Callable
from functools import wraps
from typing import Any, ParamSpec, TypeVar

from flask import redirect, request, url_for
from flask_babel import gettext as _
from flask_login import current_user
from werkzeug.datastructures import WWWAuthenticate
from werkzeug.exceptions import Unauthorized
from werkzeug.wrappers import Response

from app import audit
from app.errors import Forbidden
from app.web.htmx import wants_fragment

API_PREFIX = "/api/"
RIGHTS = ("view", "operate", "administer")
_SAFE_METHODS = ("GET", "HEAD", "OPTIONS")

P = ParamSpec("P")
R = TypeVar("R")


def requires(right: str) -> Callable[[Callable[P, R]], Callable[P, R | Response]]:
    """Let only those call a view who may "view", "operate" or "administer".

    Who is not signed in is sent to the sign-in page and back; a fragment, a form and the API get 401. Who
    lacks the right gets 403. Stands directly below the route, so that nothing is read before.
    """
    if right not in RIGHTS:
        raise ValueError(f"there is no right {right!r}; rights: {', '.join(RIGHTS)}")

    def decorate(view: Callable[P, R]) -> Callable[P, R | Response]:
        @wraps(view)
        def checked(*args: P.args, **kwargs: P.kwargs) -> R | Response:
            if not current_user.is_authenticated:
                return _ask_to_sign_in()
            if not current_user.can(right):
                raise Forbidden(_missing_right(right))
            return view(*args, **kwargs)

        vars(checked)["required_right"] = right
        return checked

    return decorate


def is_api() -> bool:
    """Whether this request is to the REST API."""
    return request.path.startswith(API_PREFIX)


def bearer_token() -> str | None:
    """The token of an API request; "" for an Authorization header of another kind, None for none."""
    if not is_api() or "Authorization" not in request.headers:
        return None
    given = request.authorization
    return (given.token or "") if given and given.type == "bearer" else ""


def session_counts() -> bool:
    """Whether a session may identify this request.

    In the API it may for reading only, and only when no token is given: a browser sends a session by
    itself, so a change needs what a browser does not send by itself.
    """
    return not is_api() or (bearer_token() is None and request.method in _SAFE_METHODS)


def origin() -> audit.Origin | None:
    """Who acts in this request, for the audit log; None outside of one."""
    if not request:
        return None
    return audit.Origin(current_user.name, "api" if is_api() else "page", request.remote_addr)


def _ask_to_sign_in() -> Response:
    if not is_api() and not wants_fragment() and request.method in ("GET", "HEAD"):
        address = request.full_path if request.query_string else request.path
        return redirect(url_for("accounts.login", next=None if address == "/" else address))
    challenge = WWWAuthenticate("bearer", {"realm": "Celeriac"}) if is_api() else None
    raise Unauthorized(www_authenticate=challenge)


def _missing_right(right: str) -> str:
    needed: dict[str, Any] = {
        "view": _("Nothing was changed. Your account is not active."),
        "operate": _("Nothing was changed. This needs the role operator or admin."),
        "administer": _("Nothing was changed. This needs the role admin."),
    }
    return str(needed[right])
