"""A form that comes twice does what it says once: each one that is drawn carries a key of its own."""

import hmac
import re
import time
from typing import Any

from flask import Flask, Response, current_app, g, request
from flask_babel import gettext as _
from flask_login import current_user
from markupsafe import Markup
from redis import RedisError

from app import broker
from app.config import secret_key, settings
from app.errors import Conflict
from app.web import access, uploads
from app.web.form_drafts import FORM_FIELDS, form_key
from app.web.htmx import go_to
from app.web.toasts import toast

FIELD = "form_key"
KEPT_SECONDS = 86_400
CLAIMED_SECONDS = 300  # longer than any form takes; then who did it is gone, and it may come again
PATIENCE_SECONDS = 10.0
_SHOWN_ONCE = "201 "
_KEY = re.compile(r"[\w-]{16,64}")


def field() -> Markup:
    """The hidden field with a new key; browsers do not bring an old one back."""
    return Markup(f'<input type="hidden" {attributes()} autocomplete="off">')  # noqa: S704 -- all our own


def attributes() -> Markup:
    """The same for a button that has a key of its own, beside its form's."""
    return Markup(f'name="{FIELD}" value="{form_key()}"')  # noqa: S704 -- as above


def done_at(address: str) -> None:
    """Say where to see what was done, when the answer to a form is a part of a page."""
    g.form_done_at = address


def _begin() -> Response | None:
    """Answer a form that was done before with the way to what it did; None lets it be done.

    A form whose content was changed is another one, and so is one that was refused. Without Redis, or
    without a key, the form is done as it comes.
    """
    if request.method != "POST" or access.is_api() or not current_user.is_authenticated:
        return None
    if uploads.is_one(request):
        return None
    name = _name()
    if name is None:
        return None
    try:
        known = _claim(name)
    except RedisError:
        current_app.logger.warning("Redis does not answer: a form that comes twice would be done twice")
        return None
    if known is None:
        g.form_claimed = name
        return None
    if known.startswith(_SHOWN_ONCE):
        known = known.removeprefix(_SHOWN_ONCE)
        toast(
            _("This was done before"),
            _("What is shown only once was in the answer to it. Make another if you did not see it."),
        )
    return go_to(known)


def _finish(response: Response) -> Response:
    """Keep where the answer leads to; what leads nowhere, or was refused, may come again."""
    name = g.pop("form_claimed", None)
    if name is None:
        return response
    address = _address(response)
    try:
        if address:
            broker.client().set(name, address, ex=KEPT_SECONDS)
        else:
            broker.client().delete(name)
    except RedisError:
        current_app.logger.warning("Redis does not answer: a form that comes again is not known")
    return response


def _address(response: Response) -> str | None:
    if response.status_code >= 400:
        return None
    if response.status_code == 201:
        return _SHOWN_ONCE + response.headers["Content-Location"]
    return g.pop("form_done_at", None) or response.headers.get("HX-Redirect") or response.location


def _claim(name: str) -> str | None:
    """None when this request is the first to come with the form, else where the first one led to."""
    until = time.monotonic() + PATIENCE_SECONDS
    while not broker.client().set(name, "", nx=True, ex=CLAIMED_SECONDS):
        address: Any = broker.client().get(name)
        if address:
            return str(address, "utf-8")
        if time.monotonic() > until:
            raise Conflict(
                _("This form is being done already. Look whether it did what it should."), "in-progress"
            )
        time.sleep(0.05)
    return None


def _name() -> str | None:
    key = (request.form.getlist(FIELD) or [""])[-1]  # a button's own stands after its form's
    if not _KEY.fullmatch(key):
        return None
    content = sorted(
        (name, value) for name, value in request.form.items(multi=True) if name not in FORM_FIELDS
    )
    whole = repr((request.path, content)).encode()  # passwords too: nobody guesses them from a keyed digest
    digest = hmac.new(secret_key(settings()).encode(), whole, "sha256").hexdigest()
    return f"celeriac:forms:{current_user.get_id()}:{key}:{digest}"


def init_app(app: Flask) -> None:
    app.before_request(_begin)
    app.after_request(_finish)
    app.jinja_env.globals.update(form_key=field, form_key_attributes=attributes)
