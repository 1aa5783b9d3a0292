"""The pages of runs: the list, one run, and what can be done with it."""

import os
from typing import Any

from celery import Celery
from flask import Blueprint, Flask, current_app, flash, render_template, request, url_for
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_babel import ngettext
from flask_login import current_user
from werkzeug.wrappers import Response

from app import catalog, runs, workers
from app.accounts import requires
from app.config import PROJECT_DIR, settings
from app.runs import tracebacks
from app.runs.timeline import timeline
from app.runs.views import presentation
from app.web import live, viewer
from app.web.htmx import go_to, wants_fragment
from app.web.navigation import Entry, register

bp = Blueprint("runs", __name__, url_prefix="/runs")
PAGE_SIZE = 50


def init_app(app: Flask) -> None:
    app.register_blueprint(bp)
    register(app, Entry("runs.index", _l("Runs"), "list-checks", 50))


@bp.get("")
@requires("view")
def index() -> str:
    return render_template("runs/index.html", gaps=runs.gaps(viewer.now()), **_list())


@bp.get("/table")
@requires("view")
def table() -> str | Response:
    if live.unchanged(runs.version()):
        return live.nothing_new()
    return render_template("runs/_table.html", **_list())


@bp.get("/<run_id>")
@requires("view")
def show(run_id: str) -> str:
    return render_template("runs/show.html", **_one(run_id))


@bp.get("/<run_id>/live")
@requires("view")
def part(run_id: str) -> str | Response:
    if live.unchanged(_version(run_id)):
        return live.nothing_new()
    return render_template("runs/_run.html", **_one(run_id))


@bp.get("/<run_id>/terminate")
@requires("operate")
def terminate(run_id: str) -> str:
    template = "runs/_terminate.html" if wants_fragment() else "runs/terminate.html"
    return render_template(template, run=runs.get(run_id))


@bp.post("/<run_id>/cancel")
@requires("operate")
def cancel(run_id: str) -> Response:
    run = runs.get(run_id)
    outcome = runs.cancel(
        _celery(), run, bool(request.form.get("terminate")), current_user.name, viewer.now()
    )
    flash(str(_OUTCOMES[outcome]), "success")
    return go_to(url_for("runs.show", run_id=run.id))


@bp.post("/<run_id>/rerun")
@requires("operate")
def rerun(run_id: str) -> Response:
    new = runs.rerun(_celery(), runs.get(run_id), current_user.name, viewer.now())
    flash(_("Sent again as a new run"), "success")
    return go_to(url_for("runs.show", run_id=new.id))


_OUTCOMES = {
    "removed": _l("Cancelled before a worker took it: it will not run"),
    "revoked": _l("A worker already has it: it will not start if it has not yet"),
    "terminated": _l("The worker is stopping it; its state here follows in a moment"),
}


def _why(run: runs.Run) -> str:
    """Why it does not run yet; empty when it does, has ended, or nobody can tell."""
    if run.is_finished or run.state in runs.RUNNING:
        return ""
    return workers.why(run, viewer.now()).detail


def _celery() -> Celery:
    return current_app.extensions["celery"]


def _version(run_id: str) -> str:
    """Moves with the run, and with the others, on which it may wait; empty while nobody can tell."""
    own, others = runs.version(run_id), runs.version()
    return f"{own}.{others}" if own and others else ""


def _list() -> dict[str, Any]:
    """What the list shows; the version is read first, so that a change meanwhile is seen at the next poll."""
    version = runs.version()
    wanted = presentation.wanted(request.args)
    cursor, top = request.args.get("cursor"), request.args.get("top")
    page = runs.page(wanted.filter, PAGE_SIZE, cursor)
    newer = runs.newer_than(wanted.filter, top) if top and not cursor else 0
    query = wanted.query | ({"cursor": cursor} if cursor else {})
    return {
        "version": version,
        "runs": page.items,
        "top": runs.cursor_of(page.items[0]) if page.items and not cursor else None,
        "newer": newer,
        "newer_words": ngettext("%(num)s newer run", "%(num)s newer runs", newer),
        "chips": presentation.chips(runs.counts(), wanted),
        "query": query,
        "first_query": wanted.query,
        "next_query": wanted.query | {"cursor": page.next_cursor},
        "next_cursor": page.next_cursor,
        "filtered": wanted.narrowed,
        "selects": _selects(wanted.query),
    }


def _selects(query: dict[str, str]) -> list[tuple[str, str, list[str]]]:
    """The drop-down filters; a chosen value that is no longer offered stays in its list."""
    tasks = [info.name for info in catalog.listing(_celery())]
    offered = [("task_name", _("Task"), tasks), ("queue", _("Queue"), settings().declared_queues)]
    for name, label in (("worker", _("Worker")), ("requested_by", _("Requested by"))):
        if name in query:
            offered.append((name, label, []))
    return [
        (name, label, values if query.get(name, "") in ("", *values) else [*values, query[name]])
        for name, label, values in offered
    ]


def _one(run_id: str) -> dict[str, Any]:
    version = _version(run_id)
    run = runs.get(run_id)
    info = next((one for one in catalog.listing(_celery()) if one.name == run.task_name), None)
    return {
        "version": version,
        "run": run,
        "known_task": info is not None,
        "line": timeline(run, viewer.now()),
        "why": _why(run),
        "errors": tracebacks.parse(run.traceback or "", [str(PROJECT_DIR), os.getcwd()]),
        "given": presentation.named_arguments(run, info.places(len(run.args or [])) if info else []),
        "children": runs.children(run.id),
        "reruns": runs.reruns(run.id),
    }
