"""The pages of a change of many runs: what it would do, whether to do it, how far it is."""

from typing import Any

from flask import Blueprint, current_app, render_template, request, url_for
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_login import current_user
from werkzeug.wrappers import Response

from app import lists
from app.errors import Forbidden, Invalid
from app.runs import RunFilter, states
from app.runs import bulk as run_bulk
from app.runs.bulk import background, verdicts
from app.web import live, viewer
from app.web.form_drafts import FORM_FIELDS
from app.web.htmx import go_to
from app.web.permissions import requires

bp = Blueprint("bulk", __name__, url_prefix="/runs/bulk")
ITEMS = 100
TYPED_ABOVE = 100


@bp.post("")
@requires("operate")
def freeze() -> Response:
    """Freeze the chosen runs, or all of the list's filter, and show what would become of them."""
    action, now = request.form.get("action", ""), viewer.now()
    _require_right(action)
    if request.form.get("all"):
        beside = (*FORM_FIELDS, "action", "id", "all")
        filters = lists.read(RunFilter, request.form, now, viewer.zone(), beside).usable()
        bulk = run_bulk.freeze_matching(action, filters, current_user.name, now)
    else:
        bulk = run_bulk.freeze(action, request.form.getlist("id"), current_user.name, now)
    return go_to(url_for(".show", bulk_id=bulk.id))


@bp.get("/<bulk_id>")
@requires("view")
def show(bulk_id: str) -> str:
    return render_template("runs/bulk.html", **_parts(bulk_id))


@bp.get("/<bulk_id>/live")
@requires("view")
def part(bulk_id: str) -> str | Response:
    return live.fragment("runs/_bulk_state.html", run_bulk.version(bulk_id), lambda: _parts(bulk_id))


@bp.post("/<bulk_id>/confirm")
@requires("operate")
def confirm(bulk_id: str) -> Response:
    bulk = run_bulk.get(bulk_id)
    _require_right(bulk.action)
    to_do = run_bulk.progress(bulk).to_do
    if _must_type(bulk, to_do) and request.form.get("typed", "").strip() != str(to_do):
        raise Invalid({"typed": [_("Type %(n)s to confirm.", n=to_do)]})
    run_bulk.confirm(bulk_id, current_user.name, viewer.now())
    background.start(current_app._get_current_object(), bulk_id)  # type: ignore[attr-defined]  # werkzeug's proxy
    return go_to(url_for(".show", bulk_id=bulk_id))


def _require_right(action: str) -> None:
    """Deleting takes what cleaning up takes: an administrator."""
    if action == states.DELETE and not current_user.can("administer"):
        raise Forbidden(_("Only an administrator deletes runs from the history."))


def _must_type(bulk: run_bulk.Bulk, to_do: int) -> bool:
    return bulk.action == states.DELETE and to_do > TYPED_ABOVE


def _parts(bulk_id: str) -> dict[str, Any]:
    version = run_bulk.version(bulk_id)
    bulk = run_bulk.get(bulk_id)
    progress = run_bulk.progress(bulk)
    beside = ("cursor", "version")
    query = lists.read(run_bulk.BulkItemFilter, request.args, viewer.now(), viewer.zone(), beside)
    page = run_bulk.items(bulk, query.filter, ITEMS, query.cursor)
    return {
        "version": version,
        "bulk": bulk,
        "new_states": run_bulk.new_states(page.items),
        "progress": progress,
        "asked": query,
        "tags": lists.tags(query, ("verdict", "outcome")),
        "page": page,
        "most": run_bulk.MOST,
        "must_type": progress.to_do if _must_type(bulk, progress.to_do) else None,
        "may": current_user.can("administer" if bulk.action == states.DELETE else "operate"),
        "titles": TITLES,
        "verdict_words": VERDICT_WORDS,
        "outcome_words": OUTCOME_WORDS,
        "detail_words": DETAIL_WORDS,
    }


TITLES = {
    states.RERUN: (_l("Retry many runs"), _l("will be retried"), _l("Retry %(n)s"), _l("Retrying…")),
    states.CANCEL: (_l("Cancel many runs"), _l("will be cancelled"), _l("Cancel %(n)s"), _l("Cancelling…")),
    states.TERMINATE: (
        _l("Terminate many runs"),
        _l("will be terminated"),
        _l("Terminate %(n)s"),
        _l("Terminating…"),
    ),
    states.DELETE: (_l("Delete many runs"), _l("will be deleted"), _l("Delete %(n)s"), _l("Deleting…")),
}
VERDICT_WORDS = {
    states.RUNS: _l("running, left out"),
    states.WAITS: _l("not started yet, left out"),
    states.ENDED: _l("finished already, left out"),
    verdicts.ALREADY_RERUN: _l("ran again since (succeeded or open), left out"),
    verdicts.SUPERSEDED: _l("tried again since: the newest try is retried instead"),
    verdicts.CHANGED: _l("no longer fit the task's signature"),
    verdicts.SECRET: _l("have secret arguments that were not kept"),
    verdicts.TOO_LARGE: _l("have arguments that were too large to be kept"),
    verdicts.UNKNOWN: _l("of a task that no longer exists"),
    verdicts.GONE: _l("no longer in the history"),
    verdicts.ROLE: _l("of a task that needs the role admin"),
    verdicts.OTHER_APP: _l("of another app, whose broker Celeriac does not know"),
}
OUTCOME_WORDS = {"done": _l("done"), "failed": _l("could not be done"), **VERDICT_WORDS}
DETAIL_WORDS = {
    "removed": _l("removed before a worker took it"),
    "revoked": _l("revoked: a worker has it and will not start it if it has not yet"),
    "terminated": _l("the worker is stopping it"),
}
