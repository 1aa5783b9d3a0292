"""The pages of queues: the list, one queue, and what can be done with it."""

from typing import Any

from flask import Flask, render_template
from flask_babel import lazy_gettext as _l
from flask_babel import ngettext
from werkzeug.wrappers import Response

from app import broker, queues
from app.errors import BrokerUnavailable
from app.pages import views
from app.pages.queues import actions, detail, modes, trends
from app.pages.queues.blueprint import bp
from app.web import live, viewer
from app.web.navigation import Count, Entry, register
from app.web.permissions import requires

__all__ = ["actions", "detail", "init_app"]

modes.register(bp, "/<queue>")


def init_app(app: Flask) -> None:
    app.register_blueprint(bp)
    register(app, Entry("queues.index", _l("Queues"), "layers", 40, count=_held_count))
    app.context_processor(lambda: {"supports_order": broker.capabilities().order})


@bp.get("")
@requires("view")
def index() -> str:
    return render_template("queues/index.html", **_list())


@bp.get("/-/table")
@requires("view")
def table() -> str | Response:
    shown = _list()
    return live.fragment("queues/_table.html", shown["version"], lambda: shown)


def _list() -> dict[str, Any]:
    listed = queues.listing(viewer.now())
    shown = [
        (
            queue.name,
            queue.waiting,
            queue.held,
            queue.pause,
            queue.holding_new,
            queue.workers,
            queue.busy,
            queue.slots,
        )
        for queue in listed
    ]
    fresh = live.period(viewer.now(), 10)  # rates and estimates change with time alone
    return {
        "queues": listed,
        "trends": trends,
        "above": views.above("queues"),
        "version": live.version_of(shown, fresh),
    }


def _held_count() -> Count | None:
    """The held runs, for the sidebar; nothing while Redis does not answer."""
    try:
        number = queues.held_in_all()
    except BrokerUnavailable:
        return None
    name = ngettext("%(num)s held run", "%(num)s held runs", number)
    return Count(str(number), name, "held") if number else None
