"""To be told when a run ends: asked for and withdrawn on its page, told by whatever page is open."""

from typing import Any

from flask import Flask, Response, jsonify, render_template, request, url_for
from flask_babel import get_locale
from flask_babel import gettext as _
from flask_login import current_user
from markupsafe import Markup

from app import runs
from app.pages.runs.blueprint import bp
from app.runs import states, subscriptions
from app.runs.models import Run
from app.web import live
from app.web.htmx import go_to, wants_fragment
from app.web.idempotency import done_at
from app.web.permissions import requires
from app.web.toasts import toast
from app.web.viewer import now
from app.web.words import duration


@bp.post("/<run_id>/subscription")
@requires("view")
def subscription(run_id: str) -> str | Response:
    """Ask, or with `wanted` empty withdraw; in all ways that there are."""
    run, address = runs.get(run_id), url_for("runs.show", run_id=run_id)
    if request.form.get("wanted"):
        _subscribe(run)
    elif subscriptions.unsubscribe(run.id, current_user):
        toast(_("You will not be told of this run"))
    if not wants_fragment():
        return go_to(address)
    done_at(address)
    return render_template("runs/_subscribed.html", run=runs.get(run_id), subscription=of(run_id))


@bp.get("/ends")
@requires("view")
def ends() -> str | Response:
    """What the viewer waits for has ended, for any page that is open; 204 while nothing has."""
    shown = _waiting()
    return live.fragment("runs/_ends.html", shown["version"], lambda: shown)


@bp.post("/<run_id>/told")
@requires("view")
def told(run_id: str) -> Response:
    """Whether the page that asks is the one that tells."""
    return jsonify(tells=subscriptions.take_shown(run_id, current_user))


def of(run_id: str) -> subscriptions.RunSubscription | None:
    """What the viewer has noted of a run."""
    return subscriptions.of(run_id, current_user)


def _subscribe(run: Run) -> None:
    ways = subscriptions.ways_of(current_user)
    if subscriptions.subscribe(run, current_user, now(), ways, str(get_locale())) is None:
        toast(_("It has ended already: %(state)s", state=states.of(run.state).word))
    elif subscriptions.MAIL in ways:
        where = _("In this browser while a page is open, and by mail to %(to)s.", to=current_user.email)
        toast(_("You will be told when it ends"), where)
    else:
        toast(_("You will be told when it ends"), _("In this browser, while a page of Celeriac is open."))


def _waiting() -> dict[str, Any]:
    waiting = subscriptions.waiting(current_user)
    version = live.version_of(waiting.any, [run.id for run in waiting.ended])
    return {"any": waiting.any, "ended": [(run, _words(run)) for run in waiting.ended], "version": version}


def _words(run: Run) -> str:
    error = (run.error or "").partition("\n")[0][:200]
    if run.runtime_seconds is None or error:
        return error
    return _("It took %(span)s.", span=duration(run.runtime_seconds))


def _region() -> Markup:
    """What a page first shows of it."""
    return Markup(render_template("runs/_ends.html", **_waiting()))  # noqa: S704 -- what a template made


def init_app(app: Flask) -> None:
    app.context_processor(lambda: {"run_ends": _region, "told_by_mail": _by_mail})


def _by_mail() -> bool:
    return subscriptions.MAIL in subscriptions.ways_of(current_user)
