"""The blueprint of the Queues pages, and what its views share."""

from typing import Any

from flask import Blueprint, request, url_for
from werkzeug.wrappers import Response

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


def back_to(queue: str) -> Response:
    """To the part of the queue's page that the form stood on."""
    return go_to(url_for("queues.show", queue=queue, **view_query()))
