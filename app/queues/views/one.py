"""The page of one queue: its line, what is held, and why a run waits."""

from hashlib import sha256
from typing import Any

from flask import render_template, request
from werkzeug.wrappers import Response

from app import broker, queues, runs, workers
from app.accounts import requires
from app.config import settings
from app.errors import NotFound
from app.queues import Queue
from app.queues.forms import PAGE_SIZE, optional_number
from app.queues.views.blueprint import bp, celery, view_query
from app.runs import Run
from app.web import live, viewer

HELD_SHOWN = 5  # below the line; all of them on their own tab
_FRESH_SECONDS = 4  # estimates age


@bp.get("/<queue>")
@requires("view")
def show(queue: str) -> str:
    return render_template("queues/show.html", **shown(queue))


@bp.get("/<queue>/live")
@requires("view")
def part(queue: str) -> str | Response:
    found = shown(queue)
    if live.unchanged(found["version"]):
        return live.nothing_new()
    return render_template("queues/_queue.html", **found)


def shown(name: str) -> dict[str, Any]:
    """What the page shows of a queue, with the version that moves when any of it does."""
    queue = queues.find(name, viewer.now())
    tab = "held" if request.values.get("tab") == "held" else "waiting"
    total = queue.held if tab == "held" else queue.waiting
    offset = min(optional_number("offset") or 0, max(0, (total - 1) // PAGE_SIZE * PAGE_SIZE))
    line = queues.line(celery(), queue, offset, PAGE_SIZE) if tab == "waiting" else []
    held = queues.held(
        celery(), queue, offset if tab == "held" else 0, PAGE_SIZE if tab == "held" else HELD_SHOWN
    )
    selected = _selected(queue)
    version = _version(queue, line, held, selected)
    return {
        "queue": queue,
        "tab": tab,
        "line": line,
        "held": held,
        "offset": offset,
        "total": total,
        "page_size": PAGE_SIZE,
        "query": view_query(),
        "selected": selected["run"] if selected else None,
        "why": selected["why"] if selected else None,
        "queues": [one for one in settings().declared_queues if one != name],
        "top": _told([one.id for one in line]),
        "moved_on": bool(request.args.get("top")) and request.args["top"] != _told([one.id for one in line]),
        "version": version,
    }


def _selected(queue: Queue) -> dict[str, Any] | None:
    """The run that the page explains; None when it waits here no longer."""
    run_id = request.values.get("run")
    if not run_id:
        return None
    try:
        waiting = queues.one(celery(), queue, run_id, optional_number("hint"))
    except NotFound:
        return None
    return {"run": waiting, "why": _why(waiting, queue)}


def _why(waiting: queues.Waiting, queue: Queue) -> runs.Diagnosis | None:
    try:
        run: Run = runs.get(waiting.id)
    except NotFound:  # nobody has recorded it: a message of another program, or its event is still on its way
        run = Run(id=waiting.id, queue=queue.name, state="PENDING", created_at=queue.at, updated_at=queue.at)
    return runs.diagnose(run, workers.listing(broker.client(), queue.at), queue.at, waiting.position)


def _version(
    queue: Queue,
    line: list[queues.Waiting],
    held: list[queues.Waiting],
    selected: dict[str, Any] | None,
) -> str:
    return _told(
        [(one.id, one.position, one.priority) for one in (*line, *held)],
        [queue.waiting, queue.held, queue.pause, queue.holding_new],
        [(one.hostname, one.state, one.slots, one.busy) for one in queue.listening],
        selected and (selected["run"].id, selected["run"].position, selected["why"]),
        int(queue.at.timestamp() // _FRESH_SECONDS) if any(one.starts_at for one in line) else 0,
    )


def _told(*facts: Any) -> str:
    return sha256(repr(facts).encode("utf-8", "backslashreplace")).hexdigest()[:16]
