"""The second step of signing in, and the page on which one turns it on and off."""

from typing import Any

from flask import g, redirect, render_template, request, session, url_for
from flask_babel import gettext as _
from flask_babel import ngettext
from flask_login import current_user
from segno import make_qr
from werkzeug.wrappers import Response

from app.accounts import second_step, sessions
from app.accounts.models import User
from app.clock import utcnow
from app.errors import Conflict, Forbidden, Invalid
from app.pages.accounts.forms import CodeForm, GuardedCodeForm, PasswordForm
from app.pages.accounts.settings import bp as settings_bp
from app.pages.accounts.settings import new_password, take_errors
from app.pages.accounts.sign_in import PER_ADDRESS, TICKET, anew, begin_session, bp, next_page, was_refused
from app.web import access
from app.web.htmx import wants_fragment
from app.web.limits import limiter
from app.web.permissions import requires
from app.web.toasts import toast

__all__ = ["bp", "settings_bp"]  # the blueprints with the routes below added

_FREE = {
    "static",
    "accounts.logout",
    *(
        f"settings.{view}"
        for view in ("second_step_page", "first_password", "begin_second_step", "confirm_second_step")
    ),
}
PER_USER = "10/minute;100/day"  # who guesses knows the password, and may come from many addresses


def _whose() -> str:
    user = current_user if current_user.is_authenticated else _waiting()
    return f"second step {user.id if user else ''}"


def _guessed_wrong(response: Response) -> bool:
    return bool(g.get("guessed_wrong"))


_limited = limiter.shared_limit(PER_USER, scope="second-step", key_func=_whose, deduct_when=_guessed_wrong)


@bp.get("/login/code")
def ask_code() -> Any:
    if current_user.is_authenticated:
        return redirect(next_page())
    user = _waiting()
    if user is None:
        return _too_late()
    return render_template("accounts/code.html", form=CodeForm(formdata=None))


@bp.post("/login/code")
@_limited
@limiter.limit(PER_ADDRESS, deduct_when=was_refused)
def take_code() -> Any:
    user = _waiting()
    if user is None:
        return _too_late()
    form = CodeForm()
    if not form.validate():
        return render_template("accounts/code.html", form=form), 422
    before = second_step.codes_left(user)
    try:
        passed = second_step.sign_in(user, form.code.data or "", utcnow())
    except Invalid as error:
        take_errors(form, error)
        return render_template("accounts/code.html", form=form), 422
    if not passed:
        g.guessed_wrong = True
        form.code.errors = [_("This code does not count, or was used. Wait for the next one.")]
        return render_template("accounts/code.html", form=form), 401
    remembered = bool(request.form.get("remember"))
    answer = begin_session(user, sessions.PASSWORD, next_page(), remember=remembered)
    left = second_step.codes_left(user)
    if left < before:
        toast(
            _("You used a recovery code"),
            ngettext("%(num)s is left.", "%(num)s are left.", left),
            link=url_for("settings.second_step_page"),
            label=_("Two-step sign-in"),
        )
    return answer


def lead_here() -> Response | None:
    """Who has to set it up comes to no page but this before; what is no page is refused.

    Not who was let in by a proxy or provider, which asks by itself, nor programs with their tokens.
    """
    free = request.endpoint in _FREE or request.blueprint in ("health", "preferences")
    if free or "_user_id" not in session or not current_user.is_authenticated or "user_session" not in g:
        return None
    asks_here = g.user_session.way in (sessions.PASSWORD, sessions.LINK)
    if not asks_here or not second_step.is_due(_me()):
        return None
    if access.is_api() or wants_fragment():
        raise Forbidden(_("Set up two-step sign-in first: open any page."))
    return redirect(url_for("settings.second_step_page"), 303)


@settings_bp.get("/second-step")
@requires("view")
def second_step_page() -> str:
    return _page()


@settings_bp.post("/second-step/password")
@requires("view")
def first_password() -> Any:
    """For who came by a link and has no password yet, which a code could come after."""
    if _me().password_hash is not None:
        raise Conflict(_("You have a password: change it in Settings."), code="password-set")
    return new_password(url_for(".second_step_page"), _page)


@settings_bp.post("/second-step")
@requires("view")
def begin_second_step() -> Response:
    second_step.begin(_me(), utcnow())
    return redirect(url_for(".second_step_page"), 303)


@settings_bp.post("/second-step/confirm")
@requires("view")
@_limited
def confirm_second_step() -> Any:
    """Turn it on; the answer is the only page that shows the recovery codes."""
    form = CodeForm()
    if form.validate():
        try:
            here = g.get("user_session")
            return _codes(second_step.confirm(_me(), form.code.data or "", utcnow(), but=here))
        except Invalid as error:
            _refuse(form, error)
    return _page(code_form=form), 422


@settings_bp.post("/second-step/change")
@requires("view")
@_limited
def change_second_step() -> Any:
    """Make new recovery codes, or turn it off, as the button says; for both, password and code are asked."""
    form = GuardedCodeForm()
    if form.validate():
        given = (_me(), form.password.data or "", form.code.data or "", utcnow())
        try:
            if request.form.get("act") == "codes":
                return _codes(second_step.renew_codes(*given))
            second_step.turn_off(*given)
            toast(_("Two-step sign-in is off"))
            return redirect(url_for(".index"), 303)
        except Invalid as error:
            _refuse(form, error)
    return _page(guarded=form), 422


def _codes(codes: list[str]) -> Any:
    return _page(codes=codes), 201, {"Content-Location": url_for(".second_step_page")}


def _refuse(form: object, error: Invalid) -> None:
    g.guessed_wrong = isinstance(error, second_step.WrongCode)
    take_errors(form, error)


def _waiting() -> User | None:
    """Whose password was right in this browser a while ago."""
    return second_step.of_ticket(session.get(TICKET, ""), utcnow())


def _too_late() -> tuple[str, int]:
    return anew(_("Sign in with your password first; the code has to come within ten minutes."))


def _me() -> User:
    user: User = current_user._get_current_object()
    return user


def _page(**shown: object) -> str:
    user = _me()
    fresh: dict[str, object] = {
        "code_form": CodeForm(formdata=None),
        "guarded": GuardedCodeForm(formdata=None),
        "password": PasswordForm(formdata=None),
        "codes": None,
        "codes_left": second_step.codes_left(user),
    }
    if secret := second_step.pending(user):
        address = second_step.address(user, secret)
        picture = make_qr(address, error="m").svg_inline(border=4, light="#fff", omitsize=True)
        fresh |= {"secret": secret, "address": address, "picture": picture}
    return render_template("accounts/second_step.html", **(fresh | shown))
