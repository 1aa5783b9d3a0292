"""A form that comes twice does what it says once: each one that is drawn carries a key of its own."""

import re
import secrets
import time
from collections.abc import Callable
from hashlib import sha256
from typing import Any

from flask import Flask, current_app, request
from flask_babel import gettext as _
from flask_login import current_user
from markupsafe import Markup
from redis import RedisError

from app import broker
from app.errors import Conflict

FIELD = "form_key"
KEPT_SECONDS = 86_400
PATIENCE_SECONDS = 10.0
_KEY = re.compile(r"[\w-]{16,64}")


def field() -> Markup:
    """The hidden field with a new key; browsers do not bring an old one back."""
    return Markup('<input type="hidden" {} autocomplete="off">').format(attributes())


def attributes() -> Markup:
    """The same for the button of a form that has several."""
    return Markup('name="{}" value="{}"').format(FIELD, secrets.token_urlsafe(16))


def once(act: Callable[[], str]) -> str:
    """Do what a form asks for and return the address to go to: the first one's when the form came before.

    A form whose content was changed is another one, and so is one that was refused. Without Redis, or
    without a key, the form is done as it comes.
    """
    name = _name()
    if name is None:
        return act()
    try:
        known = _claim(name)
    except RedisError:
        current_app.logger.warning("Redis does not answer: a form that comes twice would be done twice")
        return act()
    if known is not None:
        return known
    client = broker.client()
    try:
        address = act()
    except BaseException:
        client.delete(name)
        raise
    client.set(name, address, ex=KEPT_SECONDS)
    return address


def _claim(name: str) -> str | None:
    """None when this request is the first to come with the form, else where the first one led to."""
    until = time.monotonic() + PATIENCE_SECONDS
    while not broker.client().set(name, "", nx=True, ex=KEPT_SECONDS):
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
    key = request.form.get(FIELD, "")
    if not _KEY.fullmatch(key):
        return None
    content = sorted(
        (name, value) for name, value in request.form.items(multi=True) if name not in ("csrf_token", FIELD)
    )
    digest = sha256(repr((request.path, content)).encode()).hexdigest()
    return f"celeriac:forms:{current_user.get_id()}:{key}:{digest}"


def init_app(app: Flask) -> None:
    app.jinja_env.globals.update(form_key=field, form_key_attributes=attributes)
