"""The pages of accounts: signing in, settings, users."""

from datetime import timedelta

from flask import Flask, Request, g, request, session
from flask_babel import lazy_gettext as _l
from flask_login import AnonymousUserMixin, current_user

from app import audit, config
from app.accounts import origin, permits, sessions, tokens
from app.accounts import second_step as asked_steps
from app.accounts.models import User
from app.clock import utcnow
from app.extensions import login
from app.pages.accounts import browsers, oidc, proxy, second_step, user_pages
from app.pages.accounts.sign_in import SESSION_KEY
from app.web import access
from app.web.navigation import Entry, register


class Nobody(AnonymousUserMixin):  # type: ignore[misc]  # Flask-Login ships no types
    """Who is not signed in: has no name and may nothing."""

    name = ""
    role = acting_role = ""
    timezone = theme = locale = None

    def can(self, right: str) -> bool:
        return False


@login.user_loader  # type: ignore[untyped-decorator]  # Flask-Login ships no types
def _of_session(user_id: str) -> User | None:
    if not access.session_counts():
        return None
    user_session = sessions.find(session.get(SESSION_KEY, ""), utcnow())
    if (
        user_session is None
        or str(user_session.user_id) != user_id
        or not proxy.fits(user_session.user, user_session.way)
    ):
        return None
    proxy.keep_role(user_session.user)
    g.user_session = user_session
    return user_session.user


@login.request_loader  # type: ignore[untyped-decorator]  # Flask-Login ships no types
def _of_token(req: Request) -> User | None:
    if not access.is_api():
        return proxy.of_header()
    secret = access.bearer_token()
    now = utcnow()
    token = tokens.find(secret, now) if secret else None
    if token is None:
        return None
    tokens.note_use(token, now)
    g.api_token = token
    token.user.limit_to(token.role)
    return token.user


def _note_use() -> None:
    asks = request.endpoint != "static" and "_user_id" in session and access.is_act()
    if asks and current_user.is_authenticated and "user_session" in g:
        sessions.note_use(g.user_session, utcnow())


def _known() -> dict[str, object]:
    given = config.settings()  # `settings` is a module here
    return {
        "session_idle": given.session_idle_minutes * 60,
        "session_most": given.session_max_hours * 3600,
        "session_here": g.user_session.id if "user_session" in g else None,
        "remember_offered": given.session_remember,
        "oidc_name": given.oidc_name if given.oidc_issuer else "",
    }


def init_app(app: Flask) -> None:
    app.config.update(
        PERMANENT_SESSION_LIFETIME=timedelta(hours=app.config["SETTINGS"].session_max_hours),
        SESSION_REFRESH_EACH_REQUEST=False,  # no cookie with every fragment
        SESSION_COOKIE_HTTPONLY=True,
        WTF_CSRF_TIME_LIMIT=None,  # a form may stay open as long as the session lasts
    )
    login.anonymous_user = Nobody
    login.session_protection = "basic"  # "strong" would sign people out whenever their address changes
    audit.answer_with(app, origin.origin)
    app.jinja_env.globals["may_run"] = permits.may_run
    app.jinja_env.globals.update(
        second_step_asked=asked_steps.is_asked_of, second_step_due=asked_steps.is_due
    )
    app.jinja_env.filters.update(browser=browsers.name_of, sign_in_way=browsers.way)
    app.context_processor(_known)
    app.before_request(_note_use)
    proxy.init_app(app)
    app.before_request(second_step.lead_here)
    for blueprint in {oidc.bp, second_step.bp, second_step.settings_bp, user_pages.bp}:
        app.register_blueprint(blueprint)
    register(app, Entry("settings.index", _l("Settings"), "settings", 110))
