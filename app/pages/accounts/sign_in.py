"""Signing in with a password or a one-time link, and signing out."""

from flask import Blueprint, g, redirect, render_template, request, session, url_for
from flask_babel import gettext as _
from flask_limiter.util import get_remote_address
from flask_login import current_user, login_user, logout_user
from werkzeug.wrappers import Response as AnyResponse

from app.accounts import links, second_step, sessions, users
from app.accounts.models import User
from app.clock import utcnow
from app.config import settings
from app.pages.accounts.forms import SignInForm
from app.web import viewer
from app.web.htmx import go_to, safe_return
from app.web.limits import limiter
from app.web.toasts import toast

bp = Blueprint("accounts", __name__)

SESSION_KEY = "session"  # under which a browser keeps the secret of its session
TICKET = "second_step"  # between password and code
PER_NAME = "10/minute"
PER_ADDRESS = "60/minute"


def begin_session(user: User, way: str, address: str, remember: bool = False) -> AnyResponse:
    """Sign the user in and go on to `address`. What an earlier session held (its CSRF secret too) is gone."""
    enter(user, way, remember)
    answer = redirect(address, 303)
    for name, value in (("theme", user.theme), ("language", user.locale)):
        if value:
            viewer.keep(answer, name, value)
    return answer


def enter(user: User, way: str, remember: bool = False) -> None:
    """Begin a session of the user in this browser, in the place of another that it had."""
    remembered = remember and settings().session_remember
    secret = sessions.begin(
        user,
        way,
        utcnow(),
        remembered=remembered,
        instead_of=session.get(SESSION_KEY, ""),
        address=request.remote_addr,
        agent=request.headers.get("User-Agent", ""),
    )
    session.clear()
    login_user(user)
    session[SESSION_KEY] = secret
    session.permanent = remembered


def _address_and_name() -> str:
    return f"{get_remote_address()} {users.entered_key(request.form.get('username', ''))}"


def was_refused(response: AnyResponse) -> bool:
    return response.status_code == 401


@bp.get("/login")
def login() -> str | AnyResponse:
    if current_user.is_authenticated:
        return redirect(next_page())
    return render_template("accounts/login.html", form=SignInForm())


@bp.post("/login")
@limiter.limit(PER_NAME, key_func=_address_and_name, deduct_when=was_refused)
@limiter.limit(PER_ADDRESS, deduct_when=was_refused)
def sign_in() -> AnyResponse | tuple[str, int]:
    form = SignInForm()
    if not form.validate():
        return render_template("accounts/login.html", form=form), 422
    user = users.sign_in(form.username.data or "", form.password.data or "", utcnow())
    if user is None:
        form.form_errors.append(_("This username and password do not go together."))
        return render_template("accounts/login.html", form=form), 401
    if user.has_second_step:
        session[TICKET] = second_step.ticket(user, utcnow())
        remembered = "y" if form.remember.data else None
        return redirect(url_for(".ask_code", next=request.form.get("next"), remember=remembered), 303)
    return begin_session(user, sessions.PASSWORD, next_page(), remember=form.remember.data)


@bp.get("/login/link/<secret>")
def link(secret: str) -> str | AnyResponse | tuple[str, int]:
    """A link from the terminal or an admin: a page with a button, for what opens links ahead presses none."""
    user = links.open_for(secret, utcnow())
    if user is None:
        return _spent()
    return render_template("accounts/link.html", secret=secret, user=user)


@bp.post("/login/link/<secret>")
def use_link(secret: str) -> AnyResponse | tuple[str, int]:
    user = links.use(secret, utcnow())
    if user is None:
        return _spent()
    answer = begin_session(user, sessions.LINK, url_for("overview.index"))
    if user.password_hash is None and not second_step.is_due(user):
        toast(
            _("Set a password for the next time"),
            _("The link does not work again. Without a password you need another one from an admin."),
            link=url_for("settings.index") + "#password-head",
            label=_("Set a password"),
        )
    return answer


def _spent() -> AnyResponse | tuple[str, int]:
    if current_user.is_authenticated:  # the same link again: nothing is wrong
        return redirect(url_for("overview.index"), 303)
    return anew(_("This link was used or is too old. An admin can make another one."))


def anew(message: str) -> tuple[str, int]:
    """The form to begin with, and why one has to."""
    form = SignInForm(formdata=None)
    form.form_errors = [message]
    return render_template("accounts/login.html", form=form), 401


@bp.post("/logout")
def logout() -> AnyResponse:
    if current_user.is_authenticated:
        sessions.sign_out(g.user_session, utcnow())
        logout_user()
    session.clear()
    toast(_("You are signed out"))
    return go_to(url_for("accounts.login"))


def next_page() -> str:
    return safe_return(request.form.get("next") or request.args.get("next"), url_for("overview.index"))
