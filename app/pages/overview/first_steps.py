"""The first steps in words, with the way to each, and putting them away."""

from dataclasses import dataclass

from flask import Blueprint, Response, url_for
from flask_babel import gettext as _
from flask_login import current_user

from app import overview, views
from app.accounts import users
from app.accounts.models import User
from app.web import viewer
from app.web.htmx import go_to
from app.web.permissions import requires
from app.web.toasts import toast

bp = Blueprint("first_steps", __name__, url_prefix="/first-steps")
EXAMPLE = "examples.basic.add"


@dataclass(frozen=True)
class Step:
    """One step; `code` is what to type, if anything is."""

    name: str
    title: str
    text: str
    address: str
    label: str
    code: str = ""


@bp.post("/hide")
@requires("view")
def hide() -> Response:
    users.hide_first_steps(current_user, True)
    toast(_("The first steps are put away"), undo=url_for(".show"))
    return go_to(url_for("overview.index"))


@bp.post("/show")
@requires("view")
def show() -> Response:
    users.hide_first_steps(current_user, False)
    return go_to(url_for("overview.index"))


def steps() -> list[Step]:
    """What is left for the viewer."""
    user: User = current_user._get_current_object()
    return [_step(name) for name in overview.first_steps(user, viewer.now(), views.has_own)]


def _step(name: str) -> Step:
    match name:
        case "run":
            address = url_for("tasks.show", task_name=EXAMPLE, _anchor="run-form")
            text = _("It adds two numbers. You see it wait, run and end, with its arguments, log and result.")
            return Step(name, _("Run an example task"), text, address, _("Run an example"))
        case "schedule":
            text = _("Once, every so often, or at set times: every next fire shows while you choose.")
            address = url_for("schedules.new")
            return Step(name, _("Put a task on a schedule"), text, address, _("New schedule"))
        case "own-tasks":
            text = _("Name the modules of your Celery tasks and start again. Each gets a form of its own.")
            code = "CELERIAC_TASKS=myteam.jobs bin/dev"
            return Step(
                name, _("Point Celeriac at your own tasks"), text, url_for("tasks.index"), _("Tasks"), code
            )
        case "password":
            text = _("The link that let you in does not work again. A password does, on every computer.")
            address = url_for("settings.index", _anchor="password-head")
            return Step(name, _("Set a password"), text, address, _("Set a password"))
        case "view":
            text = _("Filter a list as you need it, then save it: it is a press away, or what you see first.")
            return Step(name, _("Save a view"), text, url_for("runs.index"), _("Runs"))
    text = _("Times show in your zone, and mail tells you when a run ends that you wait for.")
    address = url_for("settings.index", _anchor="preferences-head")
    return Step(name, _("Set your time zone and e-mail"), text, address, _("Time zone and e-mail"))
