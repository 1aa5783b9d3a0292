"""What these pages change on a broker of another app, where an admin allowed it."""

from typing import Any

from flask import request, url_for
from flask_babel import gettext as _
from flask_babel import ngettext
from flask_login import current_user
from werkzeug.wrappers import Response

from app import brokers, queues
from app.errors import Invalid
from app.pages.brokers.blueprint import bp
from app.pages.brokers.line import answer
from app.pages.queues import forms
from app.pages.queues.blueprint import above, back_to
from app.web import viewer
from app.web.dialogs import question
from app.web.htmx import go_to
from app.web.permissions import requires
from app.web.toasts import toast


@bp.get("/<name>/queues/<queue>/change")
@requires("operate")
def ask(name: str, queue: str) -> str:
    """What can be done with one waiting run."""
    place = brokers.find(name)
    others = [other.name for other in brokers.listing(place) if other.name != queue]
    shown = {"name": queue, "id": request.args.get("id", ""), "hint": forms.optional_number("hint")}
    title, links = _("Change a waiting run"), above(name, queue)
    return question("brokers/_change.html", title, links, place=place, others=others, **shown)


@bp.post("/<name>/queues/<queue>/change")
@requires("operate")
def change(name: str, queue: str) -> Response:
    run_id, now, site = forms.run_id(), viewer.now(), brokers.site(name)
    hint = forms.optional_number("hint")
    action = request.form.get("action", "")
    if action in ("front", "back"):
        moved = queues.move(queue, run_id, now, to=action, hint=hint, site=site).after
        toast(_("Moved to position %(n)s", n=moved.position), run_id)
    elif action == "position":
        position = forms.number("position", 1, 10**9)
        moved = queues.move(queue, run_id, now, position=position, hint=hint, site=site).after
        toast(_("Moved to position %(n)s", n=moved.position), run_id)
    elif action == "priority":
        chosen = forms.number("priority", 0, 9)
        changed = queues.reprioritise(queue, run_id, chosen, now, hint, site).after
        toast(_("Priority is now %(n)s", n=changed.priority), run_id)
    elif action == "queue":
        target = request.form.get("queue", "")
        queues.send_to(queue, run_id, target, now, hint, site)
        toast(_("Sent to the queue %(name)s", name=target), run_id)
    elif action == "hold":
        queues.hold(queue, run_id, current_user.name, forms.note(), now, hint, site)
        toast(_("Held until somebody releases it"), run_id)
    elif action == "remove":
        queues.remove(queue, run_id, current_user.name, now, hint, site)
        toast(ngettext("%(num)s run removed", "%(num)s runs removed", 1), run_id)
    else:
        choices = "front, back, position, priority, queue, hold, remove"
        raise Invalid({"action": [_("Choose one of: %(choices)s.", choices=choices)]})
    return back_to(queue, name)


@bp.post("/<name>/queues/<queue>/move")
@requires("operate")
def move(name: str, queue: str) -> Any:
    """One place up or down, to an end, or beside another run, as it is dragged."""
    run_id, step, now = forms.run_id(), request.form.get("step"), viewer.now()
    where: Any = {"hint": forms.optional_number("hint"), "site": brokers.site(name)}
    if step in ("up", "down"):
        moved = queues.nudge(queue, run_id, now, step == "up", **where)
    else:
        moved = queues.move(queue, run_id, now, **forms.place(), **where)
    toast(_("Moved to position %(n)s", n=moved.after.position), run_id)
    return answer(name, queue)


@bp.post("/<name>/queues/<queue>/priority")
@requires("operate")
def priority(name: str, queue: str) -> Any:
    chosen, hint = forms.number("priority", 0, 9), forms.optional_number("hint")
    site = brokers.site(name)
    changed = queues.reprioritise(queue, forms.run_id(), chosen, viewer.now(), hint, site).after
    toast(_("Priority is now %(n)s", n=changed.priority), changed.id)
    return answer(name, queue)


@bp.post("/<name>/queues/<queue>/hold")
@requires("operate")
def hold(name: str, queue: str) -> Any:
    hint = forms.optional_number("hint")
    run_id, by, now = forms.run_id(), current_user.name, viewer.now()
    queues.hold(queue, run_id, by, forms.note(), now, hint, brokers.site(name))
    toast(_("Held until somebody releases it"), run_id)
    return answer(name, queue)


@bp.post("/<name>/queues/<queue>/release")
@requires("operate")
def release(name: str, queue: str) -> Response:
    queues.release(queue, forms.run_id(), viewer.now(), forms.end(), site=brokers.site(name))
    toast(ngettext("%(num)s run released", "%(num)s runs released", 1), queue)
    return back_to(queue, name)


@bp.get("/<name>/revoke")
@requires("operate")
def ask_to_revoke(name: str) -> str:
    place, links = brokers.find(name), above(name)
    return question(
        "brokers/_terminate.html", _("Terminate run"), links, place=place, id=request.args.get("id", "")
    )


@bp.post("/<name>/revoke")
@requires("operate")
def revoke(name: str) -> Response:
    run_id = forms.run_id()
    brokers.revoke(name, run_id, bool(request.form.get("terminate")), viewer.now())
    toast(_("The workers of %(name)s were told to stop it", name=name), run_id)
    return go_to(url_for(".show", name=name))


@bp.post("/<name>/events")
@requires("administer")
def events(name: str) -> Response:
    brokers.send_events(name, True, viewer.now())
    toast(_("The workers of %(name)s were told to send events", name=name))
    return go_to(url_for(".show", name=name))
