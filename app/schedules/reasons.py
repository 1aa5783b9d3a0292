"""Why a fire did not run, in words: for the history, and again in the viewer's language for pages."""

from datetime import datetime
from typing import Any

from flask_babel import gettext as _
from flask_babel import ngettext

from app.runs import Run
from app.schedules.policies import PlannedFire

UNKNOWN_TASK = "unknown_task"
KEY = "reason"


def facts(entry: PlannedFire, reason: str, task_name: str) -> dict[str, Any]:
    """What a run row keeps in its notices of a fire that does not run, for `sentence`."""
    kept: dict[str, Any] = {KEY: reason}
    if reason == UNKNOWN_TASK:
        kept["task_name"] = task_name
    if entry.count > 1 and entry.last_due_at is not None:
        kept |= {
            "count": entry.count,
            "from": entry.due_at.isoformat(),
            "until": entry.last_due_at.isoformat(),
        }
    return kept


def sentence(kept: dict[str, Any]) -> str:
    """The reason as a sentence or two, in the current language."""
    reason = _one(kept)
    if "count" not in kept:
        return reason
    fires = ngettext(
        "This stands for %(num)d fire due from %(first)s to %(last)s.",
        "This stands for %(num)d fires due from %(first)s to %(last)s.",
        kept["count"],
        first=_moment(kept["from"]),
        last=_moment(kept["until"]),
    )
    return f"{reason} {fires}"


def of_run(run: Run) -> str | None:
    """Why a run of a schedule was missed or skipped, in the current language; None for any other run."""
    kept = run.notices or {}
    return sentence(kept) if KEY in kept else None


def _one(kept: dict[str, Any]) -> str:
    match kept[KEY]:
        case "grace":
            return _("Nothing could fire it in time: it was later than the grace period allows.")
        case "on_missed":
            return _("Nothing could fire it in time, and missed fires of this schedule are skipped.")
        case "newer":
            return _("Nothing could fire it in time; a newer fire ran instead.")
        case "limit":
            return _("Nothing could fire it in time, and more fires were missed than are caught up.")
        case "overlap":
            return _("An earlier run of this schedule had not finished.")
        case "skip_next":
            return _("It was skipped ahead of time by hand.")
        case "unknown_task":
            return _("No task named %(name)s is known any more.", name=kept.get("task_name", ""))
        case other:
            return str(other)


def _moment(text: str) -> str:
    return f"{datetime.fromisoformat(text):%Y-%m-%d %H:%M:%S} UTC"
