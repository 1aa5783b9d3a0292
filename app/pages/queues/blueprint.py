"""The blueprint of the Queues pages, and what the pages of a queue share, also of one of another app."""

from typing import Any

from flask import Blueprint, request, url_for
from flask_babel import gettext as _
from werkzeug.wrappers import Response

from app import brokers
from app.queues.sites import OWN, Site
from app.web.htmx import go_to
from app.web.toasts import toast

bp = Blueprint("queues", __name__, url_prefix="/queues")


def toast_done(title: str, text: str = "", undo: str = "", **values: Any) -> None:
    """Tell that something is done; `undo` is the address that takes it back, `values` what it needs."""
    toast(title, text, undo=undo, values={**values, **view_query()})


def view_query() -> dict[str, Any]:
    """Which part of the queue the page shows, as its address or its form says."""
    return {
        name: request.values[name]
        for name in ("offset", "tab", "run", "task_name", "q")
        if request.values.get(name)
    }


def site_of(broker: str | None) -> Site:
    """Where a queue lies; `broker` is the name of another app's. Raises `NotFound`."""
    return OWN if broker is None else brokers.site(broker)


def home_of(queue: str, broker: str | None = None, **query: Any) -> str:
    """The address of a queue's page; `broker` is the name of another app's."""
    if broker is None:
        return url_for("queues.show", queue=queue, **query)
    return url_for("brokers.queue", name=broker, queue=queue, **query)


def back_to(queue: str, broker: str | None = None) -> Response:
    """To the part of the queue's page that the form stood on."""
    return go_to(home_of(queue, broker, **view_query()))


def above(broker: str, queue: str = "") -> list[tuple[str, str]]:
    """The pages that a question about a broker, or about one of its queues, leads back to."""
    pages = [(url_for("queues.index"), _("Queues")), (url_for("brokers.show", name=broker), broker)]
    return [*pages, (home_of(queue, broker), queue)] if queue else pages
