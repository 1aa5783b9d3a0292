"""What is done to kinds of failures: asked first, told, and taken back."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from flask import request, url_for
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_babel import ngettext
from flask_login import current_user
from werkzeug.wrappers import Response

from app import lists
from app.bulk import Result
from app.errors import Invalid
from app.lists.fields import with_zone
from app.pages.failures.blueprint import bp
from app.runs.failures import FailureKind, acts, inbox
from app.runs.failures.inbox import FailureFilter
from app.web import viewer
from app.web.dialogs import question
from app.web.form_drafts import FORM_FIELDS
from app.web.htmx import back
from app.web.moments import moment
from app.web.numbers import whole
from app.web.permissions import requires
from app.web.toasts import toast, toast_results

SPANS: dict[str, tuple[timedelta | None, Any]] = {
    "1d": (timedelta(days=1), _l("1 day")),
    "7d": (timedelta(days=7), _l("7 days")),
    "30d": (timedelta(days=30), _l("30 days")),
    "ever": (None, _l("for good")),
}
ASKED = {"resolve": "failures/_resolve.html", "ignore": "failures/_ignore.html"}
_FORM_FIELDS = (*FORM_FIELDS, "action", "id", "all", "sure", "span", "until", "note", "next")
_DONE = {
    "resolve": _l("Resolved"),
    "ignore": _l("Ignored"),
    "reopen": _l("Open again"),
    "assign": _l("Owner changed"),
    "note": _l("Note kept"),
}


@bp.post("/bulk")
@requires("operate")
def bulk() -> Any:
    """Do something with the chosen kinds, frozen when the page was sent; it asks first."""
    action, asked = request.form.get("action", ""), _asked()
    ids = _chosen(asked)
    if not ids:
        toast(_("Choose kinds of failures first"), failed=True)
        return back(url_for(".index", **asked.texts))
    if action in ASKED and not request.form.get("sure"):
        return _question(action, inbox.of_ids(ids), asked)
    return _do(action, ids, {"until": _until() if action == "ignore" else None})


@bp.post("/<int:kind_id>/owner")
@requires("operate")
def assign(kind_id: int) -> Response:
    return _do("assign", [kind_id], {"owner": request.form.get("owner", "")})


@bp.post("/<int:kind_id>/note")
@requires("operate")
def note(kind_id: int) -> Response:
    return _do("note", [kind_id], {})


@bp.post("/undo")
@requires("operate")
def undo() -> Response:
    results = acts.undo(moment("done_at"), current_user.name, viewer.now())
    _tell(results, _("Undone"), None)
    return back(url_for(".index"))


def _do(action: str, ids: Sequence[int], given: dict[str, Any]) -> Response:
    now = viewer.now()
    given["note"] = request.form.get("note", "")
    results = acts.apply(action, ids, current_user.name, now, given)
    _tell(results, str(_DONE[action]), now)
    return back(url_for(".index"))


def _tell(results: Sequence[Result], done: str, undo_at: datetime | None) -> None:
    count = sum(result.done for result in results)
    counted = ngettext("%(num)s kind of failure", "%(num)s kinds of failures", count)
    undone: dict[str, Any] = {}
    if undo_at is not None:
        undone = {"undo": url_for(".undo"), "values": {"done_at": undo_at.isoformat()}}
    toast_results(
        results, done, next((result.name for result in results if result.done), ""), counted, **undone
    )


def _question(action: str, rows: Sequence[FailureKind], asked: lists.ListQuery[FailureFilter]) -> str:
    title = _("Resolve") if action == "resolve" else _("Ignore")
    return question(
        ASKED[action], title, above=_above(), kinds=rows, asked=asked, spans=SPANS, name_of=acts.name_of
    )


def _above() -> list[tuple[str, str]]:
    return [(url_for("runs.index"), _("Runs")), (url_for(".index"), _("Failures"))]


def _asked() -> lists.ListQuery[FailureFilter]:
    """The list that the form stood on; its other fields have names that no filter has."""
    return lists.read(FailureFilter, request.form, viewer.now(), viewer.zone(), _FORM_FIELDS)


def _chosen(asked: lists.ListQuery[FailureFilter]) -> list[int]:
    """The ids that were ticked, or of all that match, as far as one step may go."""
    if request.form.get("all"):
        return inbox.ids(asked.usable(), acts.BULK_MAX)
    ids = [whole(text) for text in request.form.getlist("id")]
    if None in ids:
        raise Invalid({"id": [_("Choose kinds of failures of the list.")]})
    return [kind_id for kind_id in dict.fromkeys(ids) if kind_id is not None]


def _until() -> datetime | None:
    """Until when something is ignored: a span from now, or a moment in the viewer's zone."""
    if text := request.form.get("until", "").strip():
        try:
            moment = datetime.fromisoformat(with_zone(text, viewer.zone()))
            if moment.tzinfo is not None:
                return moment
        except ValueError:
            pass
        raise Invalid({"until": [_("Give a date and a time.")]})
    span = request.form.get("span", "")
    if span not in SPANS:
        raise Invalid({"span": [_("Choose one of: %(all)s.", all=", ".join(SPANS))]})
    length = SPANS[span][0]
    return None if length is None else viewer.now() + length
