"""The Settings page: what a user decides about themselves, and API tokens."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

from flask import Blueprint, abort, g, redirect, render_template, request, session, url_for
from flask_babel import get_locale
from flask_babel import gettext as _
from flask_login import current_user
from werkzeug.wrappers import Response

from app.accounts import emails, sessions, tokens, users
from app.accounts.models import User
from app.alerts import confirmations
from app.clock import utcnow
from app.config import settings
from app.errors import Invalid
from app.pages.accounts.forms import PasswordForm, PreferencesForm, TokenForm, choices
from app.pages.accounts.sign_in import PER_NAME, begin_session
from app.web import roles, viewer
from app.web.htmx import wants_fragment
from app.web.limits import limiter
from app.web.permissions import requires
from app.web.toasts import toast

MAILS_PER_USER = "5/hour"  # to an address that may be somebody else's

bp = Blueprint("settings", __name__, url_prefix="/settings")


@bp.get("")
@requires("view")
def index() -> str:
    return _page()


def _guesser() -> str:
    return f"password {current_user.get_id()}"


def _guessed_wrong(response: Response) -> bool:
    return bool(g.get("guessed_wrong"))


@bp.post("/password")
@requires("view")
@limiter.limit(PER_NAME, key_func=_guesser, deduct_when=_guessed_wrong)
def password() -> Response | tuple[str, int]:
    return new_password(url_for(".index"), _page)


def new_password(home: str, page: Callable[..., str]) -> Response | tuple[str, int]:
    """Change the password as the form says, and go on at `home`; else the page says what was wrong."""
    form = PasswordForm()
    if form.validate():
        try:
            _require_same(form)
            users.change_password(_me(), form.current.data or "", form.password.data or "", utcnow())
            answer = begin_session(_me(), sessions.PASSWORD, home, remember=session.permanent)
            toast(_("Your password is changed, and every other computer is signed out"))
            return answer
        except Invalid as error:
            g.guessed_wrong = isinstance(error, users.WrongPassword)
            take_errors(form, error)
    return page(password=form), 422


@bp.post("/sessions/end")
@requires("view")
def end_sessions() -> Response:
    sessions.end_all(_me(), utcnow(), but=g.user_session)
    toast(_("Every other computer is signed out"))
    return redirect(url_for(".index"), 303)


@bp.post("/sessions/<int:session_id>/end")
@requires("view")
def end_session(session_id: int) -> Response:
    """Sign out in one place: the own ones, or as an admin anybody's."""
    owner = sessions.get(session_id, utcnow(), by=_me()).user
    sessions.end(session_id, utcnow(), by=_me())
    toast(_("That computer is signed out"))
    return redirect(home_of(owner), 303)


@bp.post("/preferences")
@requires("view")
def preferences() -> Response | tuple[str, int]:
    form = _preferences_form()
    if not form.validate():
        return _page(preferences=form), 422
    keys = "" if form.single_keys.data else "off"
    chosen = {"theme": form.theme.data, "language": form.locale.data, "single_keys": keys}
    try:
        _enter_email(form.email.data or "")
    except Invalid as error:
        take_errors(form, error)
        return _page(preferences=form), 422
    users.set_preferences(_me(), form.timezone.data, chosen["theme"], chosen["language"])
    toast(_("Saved"))
    answer = redirect(url_for(".index"), 303)
    for name, value in chosen.items():
        if value:
            viewer.keep(answer, name, value)
        else:
            answer.delete_cookie(name)
    return answer


def _enter_email(email: str) -> None:
    """Note one's own address; one that is new gets a mail with a link, unless none can be sent."""
    if emails.enter(_me(), email, utcnow()):
        _send_link()


@bp.post("/email")
@requires("view")
def send_link_again() -> Response:
    """To an address that is not confirmed yet."""
    _send_link()
    return redirect(url_for(".index"), 303)


def _send_link() -> None:
    if not settings().smtp_url or not _me().unconfirmed_email:
        return
    with limiter.shared_limit(MAILS_PER_USER, scope="mail-link", key_func=_guesser):
        confirmations.send(_me(), str(get_locale()), utcnow())
    toast(
        _("A mail is on its way to %(address)s", address=_me().unconfirmed_email),
        _("Use the link in it: then you are written to there."),
    )


@bp.get("/email/<token>")
@requires("view")
def ask_to_confirm_email(token: str) -> str:
    """The link of the mail: a page with a button, for what opens links ahead presses none."""
    email = emails.of_link(_me(), token, utcnow())
    return render_template("accounts/email.html", email=email, token=token)


@bp.post("/email/<token>")
@requires("view")
def confirm_email(token: str) -> Response:
    email = emails.confirm(_me(), token, utcnow())
    toast(_("%(address)s is confirmed", address=email))
    return redirect(url_for(".index"), 303)


@bp.post("/tokens")
@requires("view")
def make_token() -> Any:
    """Make a token of one's own; the answer is the only page that ever shows it."""
    return new_token(_me(), url_for(".index"), _page)


def new_token(owner: User, home: str, page: Callable[..., str]) -> Any:
    """Make a token as the form says; the page of its owner shows it, or what was wrong with the form."""
    form = token_form(owner)
    if form.validate():
        days = int(form.days.data)
        try:
            _token, secret = tokens.create(
                owner,
                form.label.data or "",
                utcnow(),
                role=form.role.data or None,
                expires_at=utcnow() + timedelta(days=days) if days else None,
                by=_me(),
            )
            return page(secret=secret), 201, {"Content-Location": home}
        except Invalid as error:
            take_errors(form, error)
    return page(token=form), 422


def token_form(owner: User, **options: Any) -> TokenForm:
    """The form for a token of a user, with the roles that it may have."""
    form = TokenForm(**options)
    form.role.choices = choices(
        *((role, role) for role in roles.ROLES if roles.lower(role, owner.role) == role)
    )
    if not form.role.data:
        form.role.data = owner.role
    return form


def home_of(owner: User) -> str:
    """Where the sessions and tokens of a user are shown to who looks."""
    if owner.id == current_user.id:
        return url_for("settings.index")
    return url_for("settings.show_user", user_id=owner.id)


@bp.get("/tokens/<int:token_id>/revoke")
@requires("view")
def ask_to_revoke(token_id: int) -> str:
    template = "accounts/_revoke.html" if wants_fragment() else "accounts/revoke.html"
    return render_template(template, token=tokens.get(token_id, by=_me()))


@bp.post("/tokens/<int:token_id>/revoke")
@requires("view")
def revoke_token(token_id: int) -> Response:
    owner = tokens.get(token_id, by=_me()).user
    tokens.revoke(token_id, utcnow(), by=_me())
    toast(_("The token is revoked"))
    return redirect(home_of(owner), 303)


def take_errors(form: object, error: Invalid) -> None:
    """Show the domain's messages at the form's fields."""
    fields = vars(form)["_fields"]
    for name, messages in error.errors.items():
        if name not in fields:
            abort(422)
        fields[name].errors = [*fields[name].errors, *messages]


def _require_same(form: PasswordForm) -> None:
    if form.password.data != form.again.data:
        raise Invalid({"again": [_("This is not the same as the new password.")]})


def _me() -> User:
    user: User = current_user._get_current_object()
    return user


def _page(**shown: object) -> str:
    """The whole page, with the form that was just refused (if one was) in the place of a fresh one."""
    fresh = {
        "password": PasswordForm(formdata=None),
        "preferences": _preferences_form(),
        "token": token_form(_me(), formdata=None),
        "token_action": url_for(".make_token"),
        "secret": None,
        "mails": bool(settings().smtp_url),
        "owner": None,
        "tokens": tokens.listing(None if current_user.can("administer") else _me()),
        "sessions": sessions.listing(viewer.now(), _me()),
    }
    return render_template("accounts/settings.html", **(fresh | shown))


def _preferences_form() -> PreferencesForm:
    form = PreferencesForm(obj=_me())
    if request.endpoint != "settings.preferences":  # another form's answer says nothing about these
        form.email.data = _me().unconfirmed_email or _me().email
        form.single_keys.data = viewer.single_keys()
    form.theme.choices = choices(
        ("", _("As chosen on each computer")),
        ("light", _("Light")),
        ("dark", _("Dark")),
        ("system", _("As the system")),
    )
    form.locale.choices = choices(("", _("Follow the browser")), *viewer.languages().items())
    zones = viewer.zones()
    form.timezone.choices = choices(("", _("Follow the browser")), *zip(zones, zones, strict=True))
    for field in (form.theme, form.locale, form.timezone):
        field.data = field.data or ""
    return form
