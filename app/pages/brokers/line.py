"""The line of another app's queue, as its page shows it, and after a change."""

from typing import Any

from flask import render_template, request
from werkzeug.datastructures import MultiDict

from app import brokers, lists
from app.pages.queues.blueprint import back_to
from app.web import live, viewer
from app.web.htmx import wants_fragment

PAGE_SIZE = 50


def answer(queue: str, name: Any) -> Any:
    """After a change: the line as it is now, or its page."""
    if wants_fragment():
        return render_template("brokers/_changed.html", **shown_line(name, queue))
    return back_to(queue, name)


def shown_line(name: str, queue: str) -> dict[str, Any]:
    """What the page of a queue shows of its line."""
    place = brokers.find(name)
    details = brokers.find_queue(place, queue)
    sent = request.args if request.method == "GET" else MultiDict({"offset": request.form.get("offset", "")})
    asked = lists.read(lists.PartFilter, sent, viewer.now(), viewer.zone(), ("version",))
    part = lists.Part.of(asked.filter.offset, details.waiting, PAGE_SIZE)
    runs = brokers.line(place, queue, part.offset, PAGE_SIZE) if place.on_redis else []
    version = live.version_of(
        details.waiting, details.unreachable, [(run.id, run.position) for run in runs], place.permission
    )
    shown = {"place": place, "queue": details, "line": runs, "asked": asked, "part": part}
    return shown | {"tags": lists.tags(asked, ("offset",)), "version": version}
