"""What the Queues pages do to a whole queue."""

from typing import Any

from flask import request, url_for
from flask_babel import gettext as _
from flask_babel import ngettext
from flask_login import current_user
from werkzeug.wrappers import Response

from app import queues
from app.errors import Invalid
from app.pages.queues import forms
from app.pages.queues.blueprint import back_to, bp, toast_done
from app.web import viewer
from app.web.dialogs import question
from app.web.permissions import requires

COUNTED_AT_MOST = 2000  # tasks are counted among so many of the next runs


@bp.get("/<queue>/pause")
@requires("operate")
def ask_pause(queue: str) -> str:
    return question("queues/_pause.html", _("Pause"), queue=queues.find(queue, viewer.now()))


@bp.post("/<queue>/pause")
@requires("operate")
def pause(queue: str) -> Response:
    queues.pause(queue, current_user.name, forms.note(), viewer.now())
    toast_done(
        _("%(name)s is paused", name=queue),
        _("What runs goes on."),
        undo=url_for("queues.resume", queue=queue),
    )
    return back_to(queue)


@bp.post("/<queue>/resume")
@requires("operate")
def resume(queue: str) -> Response:
    old = queues.find(queue, viewer.now()).pause
    queues.resume(queue, viewer.now())
    undo = url_for("queues.pause", queue=queue)
    toast_done(_("%(name)s is no longer paused", name=queue), undo=undo, note=old.note if old else "")
    return back_to(queue)


@bp.get("/<queue>/hold-new")
@requires("operate")
def ask_hold_new(queue: str) -> str:
    return question("queues/_hold_new.html", _("Hold everything new"), queue=queues.find(queue, viewer.now()))


@bp.post("/<queue>/hold-new")
@requires("operate")
def hold_new(queue: str) -> Response:
    queues.hold_new(queue, current_user.name, forms.note(), viewer.now())
    undo = url_for("queues.let_new_in", queue=queue)
    toast_done(_("%(name)s holds everything new", name=queue), undo=undo)
    return back_to(queue)


@bp.post("/<queue>/let-new-in")
@requires("operate")
def let_new_in(queue: str) -> Response:
    queues.stop_holding_new(queue, viewer.now())
    toast_done(_("New runs go into the line again"), _("Those that are held stay held."))
    return back_to(queue)


@bp.post("/<queue>/release-all")
@requires("operate")
def release_all(queue: str) -> Response:
    released = len(queues.release_all(queue, viewer.now(), _end()))
    toast_done(ngettext("%(num)s run released", "%(num)s runs released", released))
    return back_to(queue)


@bp.get("/<queue>/purge")
@requires("administer")
def ask_purge(queue: str) -> str:
    return _ask_purge(queue)


@bp.post("/<queue>/purge")
@requires("administer")
def purge(queue: str) -> Any:
    if request.form.get("name") != queue:
        return _ask_purge(queue, _("Type %(name)s exactly as it stands here.", name=queue)), 422
    purged = queues.purge(queue, current_user.name, viewer.now())
    undo = {"undo": url_for("queues.restore", queue=queue), "token": purged.token} if purged.token else {}
    toast_done(ngettext("%(num)s run purged", "%(num)s runs purged", purged.removed), queue, **undo)
    return back_to(queue)


@bp.post("/<queue>/restore")
@requires("administer")
def restore(queue: str) -> Response:
    restored = queues.restore(queue, forms.token(), viewer.now())
    toast_done(ngettext("%(num)s run is back", "%(num)s runs are back", restored), queue)
    return back_to(queue)


def _ask_purge(queue: str, problem: str = "") -> str:
    details = queues.find(queue, viewer.now())
    counts = queues.tasks_at_front(queue, COUNTED_AT_MOST)
    return question(
        "queues/_purge.html",
        _("Purge"),
        queue=details,
        counts=list(counts.items())[:6],
        other=sum(list(counts.values())[6:]),
        beyond=max(0, details.waiting - COUNTED_AT_MOST) if counts else 0,
        problem=problem,
    )


def _end() -> Any:
    to = request.form.get("to")
    if to not in (None, "", "front", "back"):
        raise Invalid({"to": [_("Choose front or back.")]})
    return to or None
