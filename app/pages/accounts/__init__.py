"""The pages of accounts: signing in, settings, users."""

from datetime import timedelta

from flask import Flask, Request, g, request, session
from flask_babel import lazy_gettext as _l
from flask_login import AnonymousUserMixin, current_user

from app import audit
from app.accounts import origin, permits, tokens, users
from app.accounts.models import User
from app.clock import utcnow
from app.extensions import login
from app.pages.accounts import sign_in, user_pages
from app.web import access
from app.web.navigation import Entry, register

REMEMBERED = timedelta(days=14)


class Nobody(AnonymousUserMixin):  # type: ignore[misc]  # Flask-Login ships no types
    """Who is not signed in: has no name and may nothing."""

    name = ""
    role = ""
    timezone = theme = locale = None

    def can(self, right: str) -> bool:
        return False


@login.user_loader  # type: ignore[untyped-decorator]  # Flask-Login ships no types
def _of_session(session_id: str) -> User | None:
    return users.of_session(session_id) if access.session_counts() else None


@login.request_loader  # type: ignore[untyped-decorator]  # Flask-Login ships no types
def _of_token(req: Request) -> User | None:
    secret = access.bearer_token()
    token = tokens.find(secret) if secret else None
    if token is None:
        return None
    tokens.note_use(token, utcnow())
    g.api_token = token
    return token.user


def _note_seen() -> None:
    if request.endpoint != "static" and "_user_id" in session and current_user.is_authenticated:
        users.note_seen(current_user, utcnow())


def init_app(app: Flask) -> None:
    app.config.update(
        PERMANENT_SESSION_LIFETIME=REMEMBERED,
        SESSION_REFRESH_EACH_REQUEST=False,  # no cookie with every fragment
        SESSION_COOKIE_HTTPONLY=True,
        WTF_CSRF_TIME_LIMIT=None,  # a form may stay open as long as the session lasts
    )
    login.anonymous_user = Nobody
    login.session_protection = "basic"  # "strong" would sign people out whenever their address changes
    audit.answer_with(app, origin.origin)
    app.jinja_env.globals["may_run"] = permits.may_run
    app.before_request(_note_seen)
    for blueprint in (sign_in.bp, user_pages.bp):
        app.register_blueprint(blueprint)
    register(app, Entry("settings.index", _l("Settings"), "settings", 110))
