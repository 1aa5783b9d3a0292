"""The blueprint of the Queues pages, and what its views share."""

from typing import Any

from flask import Blueprint, flash, render_template, request, url_for
from werkzeug.wrappers import Response

from app.web.htmx import go_to, wants_fragment

bp = Blueprint("queues", __name__, url_prefix="/queues")


def question(fragment: str, title: str, **shown: Any) -> str:
    """Asks before something is done: in a dialog, or as a page of its own without JavaScript."""
    alone = not wants_fragment()
    template = "queues/question.html" if alone else fragment
    return render_template(template, fragment=fragment, title=title, alone=alone, **shown)


def say(title: str, text: str = "", undo: str = "", **values: Any) -> None:
    """Flash that something is done; `undo` is the address that takes it back, `values` what it needs."""
    told: dict[str, Any] = {"title": title, "text": text}
    if undo:
        told["undo"] = {"address": undo, "values": {**values, **view_query()}}
    flash(told, "success")  # type: ignore[arg-type]  # any JSON will do


def view_query() -> dict[str, Any]:
    """Which part of the queue the page shows, as its address or its form says."""
    return {name: request.values[name] for name in ("offset", "tab", "run") if request.values.get(name)}


def back_to(queue: str) -> Response:
    """To the part of the queue's page that the form stood on."""
    return go_to(url_for("queues.show", queue=queue, **view_query()))
