"""By what a request says who makes it: a bearer token in the API, a session on pages."""

from flask import redirect, request, url_for
from werkzeug.wrappers import Response

from app.web.htmx import wants_fragment

API_PREFIX = "/api/"
_SAFE_METHODS = ("GET", "HEAD", "OPTIONS")


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


def sign_in_first() -> Response | None:
    """Where a page sends who is not signed in: to sign in and back; None for what is no whole page."""
    if is_api() or wants_fragment() or request.method not in ("GET", "HEAD"):
        return None
    address = request.full_path if request.query_string else request.path
    return redirect(url_for("accounts.login", next=None if address == "/" else address))
