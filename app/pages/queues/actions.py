"""What the Queues pages ask about single runs, and do to chosen ones."""

from collections.abc import Sequence
from typing import Any

from flask import render_template, request, url_for
from flask_babel import gettext as _
from flask_babel import ngettext
from flask_login import current_user

from app import queues
from app.bulk import Result
from app.errors import Invalid
from app.pages.queues import forms, messages
from app.pages.queues.blueprint import back_to, bp
from app.pages.queues.detail import shown
from app.web import viewer
from app.web.dialogs import question
from app.web.htmx import go_to, wants_fragment
from app.web.permissions import requires
from app.web.toasts import toast_results


@bp.get("/<queue>/place")
@requires("operate")
def ask_place(queue: str) -> str:
    details = queues.find(queue, viewer.now())
    run = queues.find_waiting(details, request.args.get("id", ""), forms.optional_number("hint"))
    nearby = queues.line(details, 0, forms.PAGE_SIZE)
    return question("queues/_place.html", _("Move to a place"), queue=details, run=run, nearby=nearby)


@bp.get("/<queue>/hold")
@requires("operate")
def ask_hold(queue: str) -> str:
    details = queues.find(queue, viewer.now())
    run = queues.find_waiting(details, request.args.get("id", ""), forms.optional_number("hint"))
    return question("queues/_hold.html", _("Hold a run"), queue=details, run=run)


@bp.post("/<queue>/bulk")
@requires("operate")
def bulk(queue: str) -> Any:
    """Do something with chosen runs, frozen when the page was sent; ask first where it loses something."""
    action, ids = request.form.get("action", ""), request.form.getlist("id")
    if not ids:
        raise Invalid({"id": [_("Choose runs first.")]})
    if action == "remove" and not request.form.get("confirmed"):
        return question(
            "queues/_remove.html", _("Remove"), name=queue, ids=ids[: queues.MOST], run=_only(queue, ids)
        )
    results = queues.apply(queue, ids, action, current_user.name, viewer.now(), **_options(action))
    _toast_bulk(results, action)
    return back_to(queue)


def _options(action: str) -> dict[str, Any]:
    if action == "priority":
        return {"priority": forms.number("priority", 0, 9)}
    return {"target": request.form.get("queue", "")} if action == "send" else {}


def _only(queue: str, ids: list[str]) -> queues.Waiting | None:
    return queues.find_waiting(queues.find(queue, viewer.now()), ids[0]) if len(ids) == 1 else None


def _toast_bulk(results: Sequence[Result], action: str) -> None:
    count = sum(result.done for result in results)
    words = {
        "front": ngettext("%(num)s run moved to the top", "%(num)s runs moved to the top", count),
        "back": ngettext("%(num)s run moved to the bottom", "%(num)s runs moved to the bottom", count),
        "hold": ngettext("%(num)s run is held", "%(num)s runs are held", count),
        "release": ngettext("%(num)s run released", "%(num)s runs released", count),
        "remove": ngettext("%(num)s run removed", "%(num)s runs removed", count),
        "priority": ngettext("Priority of %(num)s run changed", "Priority of %(num)s runs changed", count),
        "send": ngettext("%(num)s run sent on", "%(num)s runs sent on", count),
    }
    toast_results(results, words[action])


def _answer(queue: str, _broker: str | None) -> Any:
    """The queue as it is now for htmx, with what is told; else the way back to its page, or to the run's."""
    if request.form.get("from") == "run":
        return go_to(url_for("runs.show", run_id=forms.run_id()))
    if wants_fragment() and request.headers.get("HX-Target", "").endswith("queue"):
        return render_template("queues/_changed.html", **shown(queue))
    return back_to(queue)


messages.register(bp, "/<queue>", _answer)
