"""The blueprint of the Schedules pages, and what its views share."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from flask import Blueprint, url_for
from flask_babel import gettext as _
from flask_babel import ngettext

from app.bulk import Result
from app.web.toasts import toast, toast_results

bp = Blueprint("schedules", __name__, url_prefix="/schedules")


def toast_done(words: str, text: str = "", undo_at: datetime | None = None, run_id: str = "") -> None:
    """Tell that something is done; with the moment of the change it can be undone for some seconds."""
    link = url_for("runs.show", run_id=run_id) if run_id else ""
    toast(words, text, link=link, label=_("Show the run"), **_undo(undo_at))


def toast_bulk(results: Sequence[Result], done: str, undo_at: datetime | None = None) -> None:
    """Tell what happened to each of many; `done` says it when all went well."""
    count = sum(result.done for result in results)
    counted = ngettext("%(num)s schedule", "%(num)s schedules", count)
    toast_results(results, done, results[0].name, counted, **_undo(undo_at))


def _undo(done_at: datetime | None) -> dict[str, Any]:
    if done_at is None:
        return {}
    return {"undo": url_for("schedules.undo"), "values": {"done_at": done_at.isoformat()}}


def address_of(schedule_id: int) -> str:
    return url_for("schedules.show", schedule_id=schedule_id)
