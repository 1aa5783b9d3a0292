"""A proxy in front (oauth2-proxy, Authelia) says in a header who is signed in; only its address may."""

from ipaddress import ip_address, ip_network

from flask import Flask, g, request
from flask_babel import gettext as _
from flask_login import current_user

from app import broker, config
from app.accounts import sessions, sso, users
from app.accounts.models import User
from app.clock import utcnow
from app.errors import Forbidden
from app.extensions import login
from app.pages.accounts import sign_in
from app.sign_in_settings import UNIX
from app.web import access

TOLD_EVERY = 60  # seconds: a refusal from one address is told once so often, or the audit log would overflow


def init_app(app: Flask) -> None:
    app.before_request(_refuse)


def named() -> str:
    """The name in the header, when the proxy itself says it; "" for none."""
    return _header() if _is_proxy() else ""


def fits(user: User, way: str) -> bool:
    """Whether a session may go on: one by the proxy only while the header names its user."""
    name = named()
    if not name:
        return way != sessions.PROXY
    return users.entered_key(name) == user.name_key


def of_header() -> User | None:
    """The user whom the header names, with a session begun for them; None for who is not let in."""
    name = named()
    if not name or access.is_api() or request.endpoint == "static":
        return None
    _nobody_yet()
    try:
        user = sso.admit(name, _groups(), sessions.PROXY, utcnow(), email=_email())
    except Forbidden as error:
        g.not_let_in = error.detail
        return None
    users.note_sign_in(user, utcnow(), sessions.PROXY)
    sign_in.enter(user, sessions.PROXY)
    return user


def keep_role(user: User) -> None:
    """Groups that change at the proxy count at once."""
    if named():
        _nobody_yet()
        sso.follow(user, sso.role_of(_groups()), utcnow())


def _nobody_yet() -> None:
    """While it is found out who looks, texts and the audit log do not ask for it."""
    login._update_request_context_with_user()


def _refuse() -> None:
    """The header from anywhere else is no mistake of a browser's: refuse it and tell."""
    if request.endpoint == "static":
        return
    if detail := _not_let_in():
        raise Forbidden(detail)
    if _header() and not _is_proxy():
        address = _peer() or UNIX
        if broker.client().set(f"celeriac:strange-header:{address}", "", nx=True, ex=TOLD_EVERY):
            why = f"{config.settings().proxy_user_header} from {address}"
            raise sso.refused(_header(), sessions.PROXY, utcnow(), why)
        raise Forbidden(_("This address may not say who is signed in."))


def _not_let_in() -> str:
    """Why the one whom the proxy names may not come in; "" for everybody else."""
    if not named() or access.is_api() or current_user.is_authenticated:
        return ""
    return str(g.get("not_let_in", ""))


def _header() -> str:
    header = config.settings().proxy_user_header
    return request.headers.get(header, "").strip() if header else ""


def _groups() -> list[str]:
    header = config.settings().proxy_groups_header
    return [group.strip() for group in request.headers.get(header, "").split(",")] if header else []


def _email() -> str:
    header = config.settings().proxy_email_header
    return request.headers.get(header, "").strip() if header else ""


def _peer() -> str:
    """Who really connects, whatever X-Forwarded-For says."""
    before = request.environ.get("werkzeug.proxy_fix.orig") or request.environ
    return str(before.get("REMOTE_ADDR") or "")


def _is_proxy() -> bool:
    allowed, peer = config.settings().proxy_addresses, _peer()
    if not peer:
        return UNIX in allowed
    try:
        address = ip_address(peer)
    except ValueError:
        return False
    return any(address in ip_network(network) for network in allowed if network != UNIX)
