"""By what a request says who makes it: a bearer token in the API, a session on pages."""

from urllib.parse import urlsplit

from flask import redirect, request, url_for
from flask_babel import gettext as _
from werkzeug.wrappers import Response

from app.web import form_drafts
from app.web.htmx import path_here, safe_return, wants_fragment
from app.web.toasts import toast

API_PREFIX = "/api/"
_SAFE_METHODS = ("GET", "HEAD", "OPTIONS")


def is_api() -> bool:
    """Whether this request is to the REST API."""
    return request.path.startswith(API_PREFIX)


def bearer_token() -> str | None:
    """The token of an API request; "" for an Authorization header of another kind, None for none."""
    if not is_api() or "Authorization" not in request.headers:
        return None
    authorization = request.authorization
    return (authorization.token or "") if authorization and authorization.type == "bearer" else ""


def session_counts() -> bool:
    """Whether a session may identify this request.

    In the API it may for reading only, and only when no token is given: a browser sends a session by
    itself, so a change needs what a browser does not send by itself.
    """
    return not is_api() or (bearer_token() is None and request.method in _SAFE_METHODS)


def is_act() -> bool:
    """Whether somebody does something by this request, and not a page that asks by itself what is new.

    static/app.js says with each part of a page whether its reader has moved in the last minute.
    """
    if is_api():
        return False
    return (
        request.method not in _SAFE_METHODS or not wants_fragment() or request.headers.get("X-Active") == "1"
    )


def page_behind() -> str | None:
    """The address of our page from which a form or a fragment was asked for; None when nobody said."""
    address = urlsplit(request.headers.get("HX-Current-URL") or request.referrer or "")
    if address.netloc != request.host:
        return None
    return safe_return(address.path + (f"?{address.query}" if address.query else ""), "/")


def sign_in_first() -> Response | None:
    """Where a page sends who is not signed in: to sign in and back; None for what is no whole page.

    A form leads back to its own page, which has what was typed again.
    """
    if is_api() or wants_fragment():
        return None
    if request.method not in ("GET", "HEAD"):
        if (behind := page_behind()) is None or (form_at := form_drafts.keep(behind)) is None:
            return None
        toast(
            _("You are signed out"),
            _("Nothing was changed. Sign in; what you typed is kept, but for secrets."),
            failed=True,
        )
        return redirect(url_for("accounts.login", next=form_at), 303)
    address = path_here() + (f"?{request.query_string.decode()}" if request.query_string else "")
    return redirect(url_for("accounts.login", next=None if address == url_for("overview.index") else address))


def form_again() -> Response | None:
    """Back to the page of a form that was too old, which is then a new one; None for what is no form's."""
    behind = None if is_api() or wants_fragment() else page_behind()
    if behind is None or behind.startswith("/login") or (form_at := form_drafts.keep(behind)) is None:
        return None
    toast(
        _("The form was too old and was not sent"), _("Look at it and send it again."), failed=True, lost=True
    )
    return redirect(form_at, 303)
