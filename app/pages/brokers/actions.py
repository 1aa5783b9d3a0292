"""What these pages change on a broker of another app, where an admin allowed it."""

from flask import request, url_for
from flask_babel import gettext as _
from flask_babel import ngettext
from flask_login import current_user
from werkzeug.wrappers import Response

from app import brokers, queues
from app.pages.brokers.blueprint import bp
from app.pages.brokers.line import answer
from app.pages.queues import forms, messages
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
    place, hint = brokers.find(name), forms.optional_number("hint")
    message = queues.find_message(queue, request.args.get("id", ""), hint, brokers.site(name))
    others = [other.name for other in brokers.listing(place) if other.name != queue]
    shown = {"place": place, "name": queue, "message": message, "others": others}
    return question("brokers/_change.html", _("Change a waiting run"), above(name, queue), **shown)


@bp.post("/<name>/queues/<queue>/remove")
@requires("operate")
def remove(name: str, queue: str) -> Response:
    run_id, hint = forms.run_id(), forms.optional_number("hint")
    queues.remove(queue, run_id, current_user.name, viewer.now(), hint, brokers.site(name))
    toast(ngettext("%(num)s run removed", "%(num)s runs removed", 1), run_id)
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


messages.register(bp, "/<name>/queues/<queue>", answer)
