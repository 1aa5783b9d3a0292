"""What these pages change about the workers of another app, where that is allowed."""

from typing import Any

from flask import request, url_for
from flask_babel import gettext as _
from flask_babel import ngettext
from flask_login import current_user
from werkzeug.wrappers import Response

from app import brokers
from app.brokers import control
from app.errors import Conflict, Invalid
from app.pages.brokers.blueprint import bp
from app.pages.queues import forms
from app.pages.queues.blueprint import above
from app.pages.workers import limit_fields, read_limits
from app.web import viewer
from app.web.dialogs import question
from app.web.htmx import go_to
from app.web.numbers import whole
from app.web.permissions import requires
from app.web.toasts import toast
from app.workers.limits import NAMES as LIMITS


@bp.get("/<name>/workers/<hostname>")
@requires("administer")
def worker(name: str, hostname: str) -> str:
    """What can be changed about one worker; asks it, which takes up to a second."""
    shown: dict[str, Any] = {"place": brokers.find(name), "hostname": hostname, "worker": None, "silence": ""}
    try:
        shown["worker"] = control.look(name, hostname, viewer.now())
    except Conflict as error:
        shown["silence"] = error.detail
    return question("brokers/_worker.html", hostname, above(name), **shown)


@bp.post("/<name>/workers/<hostname>/pool")
@requires("administer")
def worker_pool(name: str, hostname: str) -> Response:
    size = whole(request.form.get("size", ""), 0, 9999) or 0
    changed = control.resize(name, hostname, size, viewer.now())
    slots = changed.autoscale[1] if changed.autoscale else changed.slots
    toast(_("%(name)s now has %(n)s slots", name=hostname, n=slots))
    return _back(name)


@bp.post("/<name>/workers/<hostname>/queues")
@requires("administer")
def worker_queues(name: str, hostname: str) -> Response:
    add = [queue for queue in request.form.getlist("add") if queue.strip()]
    changed = control.change_queues(name, hostname, add, request.form.getlist("drop"), viewer.now())
    toast(_("%(name)s now listens to: %(queues)s", name=hostname, queues=", ".join(changed.queues) or "-"))
    return _back(name)


@bp.post("/<name>/workers/<hostname>/pause")
@requires("administer")
def pause_worker(name: str, hostname: str) -> Response:
    paused = control.pause(name, hostname, current_user.name, forms.note(), viewer.now())
    undo = url_for(".resume_worker", name=name, hostname=hostname)
    words = ngettext(
        "What it has goes on: %(num)s run.", "What it has goes on: %(num)s runs.", len(paused.running)
    )
    toast(_("%(name)s is paused", name=hostname), words if paused.running else "", undo=undo)
    return _back(name)


@bp.post("/<name>/workers/<hostname>/resume")
@requires("administer")
def resume_worker(name: str, hostname: str) -> Response:
    control.resume(name, hostname, viewer.now())
    toast(_("%(name)s takes runs again", name=hostname))
    return _back(name)


@bp.get("/<name>/workers/<hostname>/shutdown")
@requires("administer")
def ask_shutdown(name: str, hostname: str) -> str:
    worker = control.look(name, hostname, viewer.now())
    back = url_for(".show", name=name)
    address = url_for(".shut_worker_down", name=name, hostname=hostname)
    shown = {"worker": worker, "place": brokers.find(name), "address": address, "back": back}
    return question("workers/_shutdown.html", _("Shut down"), above(name), **shown)


@bp.post("/<name>/workers/<hostname>/shutdown")
@requires("administer")
def shut_worker_down(name: str, hostname: str) -> Response:
    left = control.shutdown(name, hostname, viewer.now())
    names = ", ".join(run["task"] for run in left.running)
    words = _("It finishes %(tasks)s first.", tasks=names) if names else _("It had nothing to finish.")
    toast(_("%(name)s was told to leave", name=hostname), words)
    return _back(name)


@bp.get("/<name>/limits")
@requires("administer")
def ask_limits(name: str) -> str:
    return _limits_form(name, request.args.get("task_name", ""), {}, {})


@bp.post("/<name>/limits")
@requires("administer")
def limits(name: str) -> Any:
    task_name, now = request.form.get("task_name", "").strip(), viewer.now()
    sent = {limit: request.form.get(limit, "").strip() for limit in LIMITS}
    try:
        answers = control.set_limits(name, task_name, read_limits(sent), now)
    except Invalid as error:
        return _limits_form(name, task_name, sent, error.errors), 422
    refused = "; ".join(f"{hostname}: {words}" for hostname, words in answers.items() if words)
    toast(_("The limits of %(task)s are changed", task=task_name), refused)
    return _back(name)


def _limits_form(name: str, task_name: str, sent: dict[str, str], problems: dict[str, list[str]]) -> str:
    brokers.find(name)
    shown = sent or control.limits_in_code(name, task_name)
    words = _(
        "They hold on every worker of %(name)s that runs now, until it restarts. Only prefork workers obey "
        "time limits.",
        name=name,
    )
    values: dict[str, Any] = {"fields": limit_fields(), "shown": shown, "problems": problems, "words": words}
    values |= {"address": url_for(".limits", name=name), "back": url_for(".show", name=name)}
    return question("workers/_limits.html", _("Limits"), above(name), task_name=task_name, app=name, **values)


def _back(name: str) -> Response:
    return go_to(url_for(".show", name=name))
