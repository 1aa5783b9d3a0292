"""The pages of other apps' brokers: what lies there, who consumes, and what may be done about it."""

from typing import Any

from flask import Flask, render_template, url_for
from flask_babel import gettext as _
from flask_login import current_user
from werkzeug.wrappers import Response

from app import brokers
from app.config import settings
from app.errors import BrokerUnavailable
from app.pages.brokers import actions, modes, workers
from app.pages.brokers.blueprint import bp
from app.pages.brokers.line import shown_line
from app.pages.queues.modes import register
from app.web import live, viewer
from app.web.htmx import go_to
from app.web.permissions import requires
from app.web.toasts import toast

__all__ = ["actions", "init_app", "modes", "workers"]

IN_HAND_SHOWN = 20
EVENTS_SHOWN = 20


register(bp, "/<name>/queues/<queue>")


def init_app(app: Flask) -> None:
    app.register_blueprint(bp)
    app.context_processor(lambda: {"other_brokers": sorted(settings().brokers)})


@bp.get("/<name>")
@requires("view")
def show(name: str) -> str:
    return render_template("brokers/show.html", **_shown(name))


@bp.get("/<name>/-/live")
@requires("view")
def part(name: str) -> str | Response:
    shown = _shown(name)
    return live.fragment("brokers/_broker.html", shown["version"], lambda: shown)


@bp.get("/<name>/-/queues")
@requires("view")
def queues(name: str) -> str:
    """The queues alone, for the list of queues."""
    return render_template("brokers/_beside.html", **_queues(name))


@bp.get("/<name>/-/workers")
@requires("view")
def ask_workers(name: str) -> str:
    """Asks the workers, which takes up to a second."""
    place = brokers.find(name)
    try:
        answers, problem = brokers.ask(place, viewer.now()), ""
    except BrokerUnavailable as error:
        answers, problem = None, error.detail
    connections = brokers.connections(place) if place.on_redis and not problem else None
    return render_template(
        "brokers/_workers.html", place=place, answers=answers, problem=problem, connections=connections
    )


@bp.get("/<name>/queues/<queue>")
@requires("view")
def queue(name: str, queue: str) -> str:
    return render_template("brokers/queue.html", **shown_line(name, queue))


@bp.get("/<name>/queues/<queue>/-/live")
@requires("view")
def line(name: str, queue: str) -> str | Response:
    shown = shown_line(name, queue)
    return live.fragment("brokers/_line.html", shown["version"], lambda: shown)


@bp.post("/<name>/allow")
@requires("administer")
def allow(name: str) -> Response:
    brokers.allow(name, current_user.name, viewer.now())
    toast(_("The queues of %(name)s may be changed", name=name), undo=url_for(".forbid", name=name))
    return go_to(url_for(".show", name=name))


@bp.post("/<name>/forbid")
@requires("administer")
def forbid(name: str) -> Response:
    brokers.forbid(name, viewer.now())
    toast(_("The queues of %(name)s are only looked at", name=name), undo=url_for(".allow", name=name))
    return go_to(url_for(".show", name=name))


def _queues(name: str) -> dict[str, Any]:
    place = brokers.find(name)
    try:
        return {"place": place, "queues": brokers.listing(place), "problem": ""}
    except BrokerUnavailable as error:
        return {"place": place, "queues": [], "problem": error.detail}


def _shown(name: str) -> dict[str, Any]:
    shown = _queues(name)
    place, taken, count = shown["place"], [], 0
    if place.on_redis and not shown["problem"]:
        count, taken = brokers.in_hand_count(place), brokers.in_hand(place, 0, IN_HAND_SHOWN)
    events = brokers.events(place, EVENTS_SHOWN)
    seen = [(queue.name, queue.waiting, queue.unreachable, queue.pause) for queue in shown["queues"]]
    version = live.version_of(
        seen, count, [run.id for run in taken], events[:1], place.permission, shown["problem"]
    )
    return shown | {"taken": taken, "count": count, "events": events, "version": version}
