"""The pages on which an admin makes and changes users."""

from flask import redirect, render_template, request, url_for
from flask_babel import gettext as _
from werkzeug.wrappers import Response

from app.accounts import links, users
from app.accounts.models import User
from app.clock import utcnow
from app.config import settings
from app.errors import Conflict, Invalid
from app.pages.accounts.forms import UserForm
from app.pages.accounts.settings import bp, take_errors
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


@bp.post("/users/<int:user_id>/role")
@requires("administer")
def change_role(user_id: int) -> Response:
    user = users.get(user_id)
    users.set_role(user, request.form.get("role", ""), utcnow())
    toast(_("%(name)s has the role %(role)s", name=user.name, role=user.role))
    return _back()


@bp.post("/users/<int:user_id>/deactivate")
@requires("administer")
def deactivate_user(user_id: int) -> Response:
    user = users.get(user_id)
    users.deactivate(user, utcnow())
    told = _("%(name)s is deactivated", name=user.name), _("Signed out everywhere; tokens do not work.")
    toast(*told, undo=url_for(".activate_user", user_id=user_id))
    return _back()


@bp.post("/users/<int:user_id>/activate")
@requires("administer")
def activate_user(user_id: int) -> Response:
    user = users.get(user_id)
    users.activate(user, utcnow())
    toast(_("%(name)s is active again", name=user.name))
    return _back()


@bp.post("/users/<int:user_id>/link")
@requires("administer")
def make_link(user_id: int) -> tuple[str, int, dict[str, str]]:
    """Make a one-time link, for a forgotten password; the answer is the only page that shows it."""
    return _page(**_new_link(users.get(user_id))), 201, {"Content-Location": url_for(".list_users")}


def _new_link(user: User) -> dict[str, object]:
    return {"link": settings().base_url.rstrip("/") + links.make(user, utcnow()), "link_user": user}


def _back() -> Response:
    return redirect(url_for(".list_users"), 303)


def _page(**shown: object) -> str:
    fresh = {"form": UserForm(formdata=None), "users": users.listing(), "link": None, "link_user": None}
    return render_template("accounts/users.html", **(fresh | shown))
