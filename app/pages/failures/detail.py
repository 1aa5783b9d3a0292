"""The page of one kind of failures: how it stands, who owns it, what was done to it, its newest runs."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

from flask import render_template
from flask_babel import lazy_gettext as _l
from flask_login import current_user
from werkzeug.wrappers import Response

from app import broker, heartbeats, runs
from app.accounts import users
from app.errors import BrokerUnavailable, NotFound
from app.heartbeats import Worker
from app.pages.failures import listing
from app.pages.failures.actions import SPANS
from app.pages.failures.blueprint import bp
from app.runs import states
from app.runs.failures import FailureKind, acts, inbox
from app.runs.failures.inbox import FailureFilter
from app.runs.failures.models import OPEN
from app.web import live, viewer
from app.web.permissions import requires

RUNS_SHOWN = 20
ACTIONS = {
    "resolve": _l("resolved it"),
    "ignore": _l("ignored it"),
    "reopen": _l("opened it again"),
    "assign": _l("changed the owner"),
    "note": _l("wrote a note"),
    "undo": _l("took that back"),
    "came-back": _l("It came back"),
}


@bp.get("/<int:kind_id>")
@requires("view")
def show(kind_id: int) -> str:
    return render_template("failures/show.html", **_parts(kind_id))


@bp.get("/<int:kind_id>/live")
@requires("view")
def part(kind_id: int) -> str | Response:
    return live.fragment("failures/_kind.html", listing.version(), lambda: _parts(kind_id))


def _parts(kind_id: int) -> dict[str, Any]:
    version = listing.version()
    row = inbox.get(kind_id)
    [one] = listing.listed([row], FailureFilter(task_name=row.task_name, at=viewer.now()))
    of_task = runs.RunFilter(state=states.FAILED, app=row.app, task_name=row.task_name)
    of_kind = replace(of_task, error=row.kind or None)
    names = [user.name for user in users.listing() if user.active]
    return {
        "version": version,
        "one": one,
        "name": acts.name_of(row),
        "runs": runs.page(of_kind, RUNS_SHOWN).items if row.kind else [],
        "changes": inbox.changes_of(kind_id),
        "action_words": ACTIONS,
        "owners": sorted({*names, row.owner or current_user.name}),
        "spans": SPANS,
        "back": _back(row),
        "note_max": acts.NOTE_MAX,
    }


def _back(row: FailureKind) -> dict[str, Any] | None:
    """The run that brought a kind back, and its worker as far as it is still known to be the same one."""
    if row.reopened_at is None or row.state != OPEN:
        return None
    run = _run(row.reopened_run_id or "")
    worker = _worker(run) if run and run.worker else None
    newer = bool(worker and row.state_at and worker.started_at > row.state_at)
    return {"run": run, "worker": worker, "newer": newer}


def _run(run_id: str) -> runs.Run | None:
    try:
        return runs.get(run_id)
    except NotFound:  # it has left the history
        return None


def _worker(run: runs.Run) -> Worker | None:
    try:
        client, now = broker.client(), viewer.now()
        workers = [*heartbeats.workers(client, now), *heartbeats.app_workers(client, now)]
    except BrokerUnavailable:
        return None
    same = (worker for worker in workers if worker.hostname == run.worker and worker.app == run.app)
    slack = timedelta(seconds=1)
    return next(
        (worker for worker in same if run.started_at and worker.started_at <= run.started_at + slack), None
    )
