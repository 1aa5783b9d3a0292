"""Pause and hold of another app's queue: what its workers obey, and what was said."""

from flask import render_template, request, url_for
from flask_babel import gettext as _
from flask_babel import ngettext
from flask_login import current_user
from werkzeug.wrappers import Response

from app import brokers, queues
from app.errors import Invalid
from app.pages.brokers.blueprint import above, bp
from app.pages.queues import forms
from app.web import viewer
from app.web.dialogs import question
from app.web.htmx import go_to
from app.web.permissions import requires
from app.web.toasts import toast


@bp.get("/<name>/queues/<queue>/-/modes")
@requires("view")
def modes(name: str, queue: str) -> str:
    """Asks the workers, which takes up to a second."""
    place = brokers.find(name)
    pause, mode = brokers.modes(place, queue)
    shown = {"place": place, "queue": queue, "pause": pause, "mode": mode, "held": brokers.held(place, queue)}
    obedience = brokers.management(place, queue, viewer.now())
    return render_template("brokers/_modes.html", obedience=obedience, **shown)


@bp.get("/<name>/queues/<queue>/pause")
@requires("operate")
def ask_pause(name: str, queue: str) -> str:
    return _ask("pause", name, queue)


@bp.post("/<name>/queues/<queue>/pause")
@requires("operate")
def pause(name: str, queue: str) -> Response:
    queues.pause(queue, current_user.name, forms.note(), viewer.now(), brokers.site(name))
    undo = url_for(".resume", name=name, queue=queue)
    toast(_("%(name)s is paused", name=queue), _("What runs goes on."), undo=undo)
    return _back(name, queue)


@bp.post("/<name>/queues/<queue>/resume")
@requires("operate")
def resume(name: str, queue: str) -> Response:
    queues.resume(queue, viewer.now(), brokers.site(name))
    toast(_("%(name)s is no longer paused", name=queue))
    return _back(name, queue)


@bp.get("/<name>/queues/<queue>/hold-new")
@requires("operate")
def ask_hold_new(name: str, queue: str) -> str:
    return _ask("hold-new", name, queue)


@bp.post("/<name>/queues/<queue>/hold-new")
@requires("operate")
def hold_new(name: str, queue: str) -> Response:
    queues.hold_new(queue, current_user.name, forms.note(), viewer.now(), brokers.site(name))
    undo = url_for(".let_new_in", name=name, queue=queue)
    toast(_("%(name)s holds everything new", name=queue), undo=undo)
    return _back(name, queue)


@bp.post("/<name>/queues/<queue>/let-new-in")
@requires("operate")
def let_new_in(name: str, queue: str) -> Response:
    queues.stop_holding_new(queue, viewer.now(), brokers.site(name))
    toast(_("New runs go into the line again"), _("Those that are held stay held."))
    return _back(name, queue)


@bp.post("/<name>/queues/<queue>/release")
@requires("operate")
def release(name: str, queue: str) -> Response:
    """One run, or all."""
    now, site = viewer.now(), brokers.site(name)
    if request.form.get("all"):
        count = len(queues.release_all(queue, now, site=site))
    else:
        to = request.form.get("to") or None
        if to not in ("front", "back", None):
            raise Invalid({"to": [_("Choose front or back.")]})
        queues.release(queue, forms.run_id(), now, to, site=site)  # type: ignore[arg-type]  # one of the three
        count = 1
    toast(ngettext("%(num)s run released", "%(num)s runs released", count), queue)
    return _back(name, queue)


def _ask(mode: str, name: str, queue: str) -> str:
    title = _("Pause") if mode == "pause" else _("Hold everything new")
    links = above(name, queue)
    return question("brokers/_mode.html", title, links, mode=mode, place=brokers.find(name), queue=queue)


def _back(name: str, queue: str) -> Response:
    return go_to(url_for(".queue", name=name, queue=queue))
