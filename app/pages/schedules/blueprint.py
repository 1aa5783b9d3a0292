"""The blueprint of the Schedules pages, and what its views share."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

from flask import Blueprint, flash, render_template, request, url_for
from flask_babel import gettext as _
from flask_babel import ngettext
from werkzeug.wrappers import Response

from app.errors import Invalid
from app.schedules import BulkResult
from app.web.htmx import go_to, safe_return, wants_fragment

_TOLD = 3  # a page shows so many toasts at once

bp = Blueprint("schedules", __name__, url_prefix="/schedules")


def question(fragment: str, title: str, **shown: Any) -> str:
    """Asks before something is done: in a dialog, or as a page of its own without JavaScript."""
    alone = not wants_fragment()
    template = "schedules/question.html" if alone else fragment
    return render_template(template, fragment=fragment, title=title, alone=alone, **shown)


def say(words: str, text: str = "", undo_at: datetime | None = None, run_id: str = "") -> None:
    """Flash that something is done; with the moment of the change it can be undone for some seconds."""
    link = url_for("runs.show", run_id=run_id) if run_id else ""
    undo = None
    if undo_at is not None:
        undo = {"address": url_for("schedules.undo"), "values": {"done_at": undo_at.isoformat()}}
    told = {"title": words, "text": text, "undo": undo, "link": link, "label": _("Show the run")}
    flash(told, "success")  # type: ignore[arg-type]  # any JSON will do


def tell(outcomes: Sequence[BulkResult], done: str, undo_at: datetime | None = None) -> None:
    """Flash what happened to each of many; `done` says it when all went well."""
    failed = [outcome for outcome in outcomes if not outcome.done]
    count = len(outcomes) - len(failed)
    if count == 1 and not failed:
        say(done, outcomes[0].name, undo_at)
    elif count:
        counted = ngettext("%(num)s schedule", "%(num)s schedules", count)
        rest = _("%(done)s of %(all)s done", done=count, all=len(outcomes))
        say(done, rest if failed else counted, undo_at)
    for problem in list(dict.fromkeys(outcome.problem for outcome in failed))[:_TOLD]:
        number = sum(outcome.problem == problem for outcome in failed)
        title = ngettext("%(num)s was not done", "%(num)s were not done", number)
        flash({"title": title, "text": problem}, "error")  # type: ignore[arg-type]  # any JSON will do


def moment(name: str) -> datetime:
    """A moment that a form of ours carries; raises `Invalid`."""
    try:
        found = datetime.fromisoformat(request.form.get(name, ""))
        if found.tzinfo is None:
            raise ValueError
        return found.astimezone(UTC)
    except (ValueError, OverflowError):
        raise Invalid({name: [_("Give a moment with its zone.")]}) from None


def back(otherwise: str) -> Response:
    """To the page that the form stood on, or the one that it names."""
    parts = urlsplit(request.referrer or "")
    here = f"{parts.path}?{parts.query}" if parts.netloc == request.host else None
    return go_to(safe_return(request.form.get("next") or here, otherwise))


def address_of(schedule_id: int) -> str:
    return url_for("schedules.show", schedule_id=schedule_id)
