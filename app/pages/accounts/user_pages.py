"""The pages on which an admin makes and changes users."""

from functools import partial
from typing import Any

from flask import g, redirect, render_template, request, url_for
from flask_babel import gettext as _
from flask_babel import ngettext
from flask_login import current_user
from werkzeug.wrappers import Response

from app.accounts import emails, links, second_step, sessions, tokens, users
from app.accounts.models import User
from app.clock import utcnow
from app.config import settings
from app.errors import Conflict, Invalid
from app.pages.accounts.forms import UserForm
from app.pages.accounts.settings import bp, new_token, take_errors, token_form
from app.web import viewer
from app.web.dialogs import question
from app.web.moments import moment
from app.web.permissions import requires
from app.web.toasts import toast

__all__ = ["bp"]  # the blueprint of the settings, with the routes below added


@bp.get("/users")
@requires("administer")
def list_users() -> str:
    return _page()


@bp.post("/users")
@requires("administer")
def create_user() -> tuple[str, int] | tuple[str, int, dict[str, str]]:
    """Make a user; the answer is the only page that shows the link for their first sign-in."""
    form = UserForm()
    if form.validate():
        try:
            user = users.create(form.name.data or "", form.role.data, utcnow())
            return _page(**_new_link(user)), 201, {"Content-Location": url_for(".list_users")}
        except Invalid as error:
            take_errors(form, error)
        except Conflict as error:
            form.name.errors = [error.detail]
    return _page(form=form), 422


@bp.get("/users/<int:user_id>")
@requires("administer")
def show_user(user_id: int) -> str:
    return _user_page(users.get(user_id))


@bp.post("/users/<int:user_id>/tokens")
@requires("administer")
def make_users_token(user_id: int) -> Any:
    """Make a token for somebody; the answer is the only page that ever shows it."""
    user = users.get(user_id)
    return new_token(user, url_for(".show_user", user_id=user_id), partial(_user_page, user))


@bp.post("/users/<int:user_id>/sessions/end")
@requires("administer")
def end_users_sessions(user_id: int) -> Response:
    user = users.get(user_id)
    sessions.end_all(user, utcnow(), but=g.user_session if user.id == current_user.id else None)
    toast(_("%(name)s is signed out everywhere", name=user.name))
    return redirect(url_for(".show_user", user_id=user_id), 303)


@bp.post("/users/<int:user_id>/role")
@requires("administer")
def change_role(user_id: int) -> Response:
    user = users.get(user_id)
    users.set_role(user, request.form.get("role", ""), utcnow())
    toast(_("%(name)s has the role %(role)s", name=user.name, role=user.role))
    return _back()


@bp.post("/users/<int:user_id>/email")
@requires("administer")
def change_email(user_id: int) -> Response | tuple[str, int]:
    """Say where a user gets mail: an admin knows it, so nothing is asked of them."""
    user = users.get(user_id)
    try:
        emails.give(user, request.form.get("email", ""), utcnow())
    except Invalid as error:
        return _user_page(user, email_errors=error.errors["email"]), 422
    toast(_("Saved"))
    return redirect(url_for(".show_user", user_id=user_id), 303)


@bp.get("/users/<int:user_id>/deactivate")
@requires("administer")
def ask_to_deactivate(user_id: int) -> str:
    user, now = users.get(user_id), utcnow()
    above = [(url_for(".index"), _("Settings")), (url_for(".list_users"), _("Users"))]
    shown = {"sessions": len(sessions.listing(now, user)), "tokens": tokens.count(user, now)}
    return question("accounts/_deactivate.html", _("Deactivate"), above, user=user, **shown)


@bp.post("/users/<int:user_id>/deactivate")
@requires("administer")
def deactivate_user(user_id: int) -> Response:
    user, now = users.get(user_id), utcnow()
    ended = users.deactivate(user, now)
    ended_words = _("Signed out everywhere.")
    if ended:
        ended_words = ngettext(
            "Signed out everywhere; %(num)s token ended.",
            "Signed out everywhere; %(num)s tokens ended.",
            ended,
        )
    undo = url_for(".activate_user", user_id=user_id)
    toast(
        _("%(name)s is deactivated", name=user.name),
        ended_words,
        undo=undo,
        values={"undo_of": now.isoformat()},
    )
    return _back()


@bp.post("/users/<int:user_id>/activate")
@requires("administer")
def activate_user(user_id: int) -> Response:
    user = users.get(user_id)
    back = users.activate(user, utcnow(), moment("undo_of") if "undo_of" in request.form else None)
    words = ngettext("%(num)s token works again.", "%(num)s tokens work again.", back) if back else ""
    toast(_("%(name)s is active again", name=user.name), words)
    return _back()


@bp.get("/users/<int:user_id>/second-step/reset")
@requires("administer")
def ask_to_reset_second_step(user_id: int) -> str:
    above = [(url_for(".index"), _("Settings")), (url_for(".list_users"), _("Users"))]
    user = users.get(user_id)
    return question("accounts/_reset_second_step.html", _("Turn off two-step sign-in"), above, user=user)


@bp.post("/users/<int:user_id>/second-step/reset")
@requires("administer")
def reset_second_step(user_id: int) -> Response:
    user = users.get(user_id)
    second_step.reset(user, utcnow(), by=current_user._get_current_object())
    toast(_("Two-step sign-in of %(name)s is off", name=user.name))
    return redirect(url_for(".show_user", user_id=user_id), 303)


@bp.post("/users/<int:user_id>/link")
@requires("administer")
def make_link(user_id: int) -> tuple[str, int, dict[str, str]]:
    """Make a one-time link, for a forgotten password; the answer is the only page that shows it."""
    return _page(**_new_link(users.get(user_id))), 201, {"Content-Location": url_for(".list_users")}


def _new_link(user: User) -> dict[str, object]:
    return {"link": settings().base_url.rstrip("/") + links.make(user, utcnow()), "link_user": user}


def _user_page(user: User, **shown: object) -> str:
    fresh = {
        "owner": user,
        "email_errors": [],
        "token": token_form(user, formdata=None),
        "token_action": url_for(".make_users_token", user_id=user.id),
        "secret": None,
        "tokens": tokens.listing(user),
        "sessions": sessions.listing(viewer.now(), user),
    }
    return render_template("accounts/user.html", **(fresh | shown))


def _back() -> Response:
    return redirect(url_for(".list_users"), 303)


def _page(**shown: object) -> str:
    fresh = {"form": UserForm(formdata=None), "users": users.listing(), "link": None, "link_user": None}
    return render_template("accounts/users.html", **(fresh | shown))
