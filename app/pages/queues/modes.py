"""What is done to a whole queue, of our own broker or of another app's; both have these pages."""

from typing import Any

from flask import Blueprint, request, url_for
from flask_babel import gettext as _
from flask_babel import ngettext
from flask_login import current_user
from werkzeug.wrappers import Response

from app import broker, brokers, queues
from app.pages.queues import forms
from app.pages.queues.blueprint import above, back_to, home_of, site_of, toast_done
from app.web import viewer
from app.web.dialogs import question
from app.web.permissions import requires

COUNTED_AT_MOST = 2000  # tasks are counted among so many of the next runs


def register(bp: Blueprint, prefix: str) -> None:
    """The pages below the address of a queue; `name` in it is that of the broker, if it is another app's."""
    for path, ask in (("pause", ask_pause), ("hold-new", ask_hold_new), ("purge", ask_purge)):
        bp.add_url_rule(f"{prefix}/{path}", view_func=ask)
    acts = {
        "pause": pause,
        "resume": resume,
        "hold-new": hold_new,
        "let-new-in": let_new_in,
        "release-all": release_all,
        "purge": purge,
        "restore": restore,
    }
    for path, act in acts.items():
        bp.add_url_rule(f"{prefix}/{path}", view_func=act, methods=["POST"])


@requires("operate")
def ask_pause(queue: str, name: str | None = None) -> str:
    return _ask("queues/_pause.html", _("Pause"), queue, name)


@requires("operate")
def pause(queue: str, name: str | None = None) -> Response:
    queues.pause(queue, current_user.name, forms.note(), viewer.now(), site_of(name))
    undo = url_for(".resume", name=name, queue=queue)
    toast_done(_("%(name)s is paused", name=queue), _("What runs goes on."), undo=undo)
    return back_to(queue, name)


@requires("operate")
def resume(queue: str, name: str | None = None) -> Response:
    site = site_of(name)
    with site.modes_at():
        old = broker.paused([queue]).get(queue)
    queues.resume(queue, viewer.now(), site)
    undo = url_for(".pause", name=name, queue=queue)
    toast_done(_("%(name)s is no longer paused", name=queue), undo=undo, note=old.note if old else "")
    return back_to(queue, name)


@requires("operate")
def ask_hold_new(queue: str, name: str | None = None) -> str:
    return _ask("queues/_hold_new.html", _("Hold everything new"), queue, name)


@requires("operate")
def hold_new(queue: str, name: str | None = None) -> Response:
    queues.hold_new(queue, current_user.name, forms.note(), viewer.now(), site_of(name))
    undo = url_for(".let_new_in", name=name, queue=queue)
    toast_done(_("%(name)s holds everything new", name=queue), undo=undo)
    return back_to(queue, name)


@requires("operate")
def let_new_in(queue: str, name: str | None = None) -> Response:
    queues.stop_holding_new(queue, viewer.now(), site_of(name))
    toast_done(_("New runs go into the line again"), _("Those that are held stay held."))
    return back_to(queue, name)


@requires("operate")
def release_all(queue: str, name: str | None = None) -> Response:
    released = len(queues.release_all(queue, viewer.now(), forms.end(), site_of(name)))
    toast_done(ngettext("%(num)s run released", "%(num)s runs released", released))
    return back_to(queue, name)


@requires("administer")
def ask_purge(queue: str, name: str | None = None) -> str:
    return _ask_purge(queue, name)


@requires("administer")
def purge(queue: str, name: str | None = None) -> Any:
    if request.form.get("name") != queue:
        return _ask_purge(queue, name, _("Type %(name)s exactly as it stands here.", name=queue)), 422
    purged = queues.purge(queue, current_user.name, viewer.now(), site_of(name))
    undo = (
        {"undo": url_for(".restore", name=name, queue=queue), "token": purged.token} if purged.token else {}
    )
    toast_done(ngettext("%(num)s run purged", "%(num)s runs purged", purged.removed), queue, **undo)
    return back_to(queue, name)


@requires("administer")
def restore(queue: str, name: str | None = None) -> Response:
    restored = queues.restore(queue, forms.token(), viewer.now(), site_of(name))
    toast_done(ngettext("%(num)s run is back", "%(num)s runs are back", restored), queue)
    return back_to(queue, name)


def _ask(template: str, title: str, queue: str, name: str | None, **shown: Any) -> str:
    site_of(name).require(queue)
    place = None if name is None else brokers.find(name)
    home, links = home_of(queue, name), above(name, queue) if name else []
    return question(template, title, links, queue=queue, place=place, home=home, **shown)


def _ask_purge(queue: str, name: str | None, problem: str = "") -> str:
    with site_of(name).at():
        depth, undoable = broker.depths([queue])[queue], broker.capabilities().reading
        counts = list(queues.tasks_at_front(queue, COUNTED_AT_MOST).items())
    return _ask(
        "queues/_purge.html",
        _("Purge"),
        queue,
        name,
        depth=depth,
        undoable=undoable,
        counts=counts[:6],
        other=sum(count for _task, count in counts[6:]),
        beyond=max(0, depth.waiting - COUNTED_AT_MOST) if counts else 0,
        problem=problem,
    )
