"""The list of schedules, live, and what is done to many of them at once."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any
from zoneinfo import ZoneInfo

from flask import render_template, request, url_for
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_babel import ngettext
from flask_login import current_user
from werkzeug.wrappers import Response

from app import broker, catalog, heartbeats, lists, runs, schedules
from app.config import settings
from app.errors import BrokerUnavailable, Invalid
from app.pages import views
from app.pages.schedules import presentation, suggestions
from app.pages.schedules.blueprint import bp, toast_bulk
from app.schedules import foreign
from app.schedules.bulk import BULK_MAX, UNDOABLE
from app.schedules.filters import ScheduleFilter, apps_known
from app.schedules.models import CODE
from app.web import live, viewer, words
from app.web.dialogs import question
from app.web.form_drafts import FORM_FIELDS
from app.web.htmx import back, go_to
from app.web.moments import moment
from app.web.navigation import Count
from app.web.numbers import whole
from app.web.permissions import requires
from app.web.toasts import toast
from celeriac_agent.settings import OWN_APP

PAGE_SIZE = 30  # a page of about 100 KB
TYPE_TO_DELETE = 100  # more than that asks for the number to be typed
_FORM_FIELDS = (*FORM_FIELDS, "action", "id", "all", "sure", "typed", "new_queue", "note")
_FRESH_SECONDS = 10  # what is late changes with time alone


@bp.get("")
@requires("view")
def index() -> str | Response:
    if (first := views.first_view("schedules")) is not None:
        return first
    shown = _list()
    others = [row for row in shown["page"].items if not _is_upkeep(row)]
    if not others and not shown["asked"].here and shown["counts"]["all"] == len(shown["rows"]):
        shown |= _first_use()
    shown["others"] = bool(foreign.sources() or foreign.waiting())
    shown["not_taken_over"] = schedules.code_entries().problems
    return render_template("schedules/index.html", **shown)


@bp.get("/table")
@requires("view")
def table() -> str | Response:
    return live.fragment("schedules/_table.html", _version(), _list)


@bp.post("/bulk")
@requires("operate")
def bulk() -> Any:
    """Do something with the chosen schedules, frozen when the page was sent; ask first where it loses."""
    action, ids = request.form.get("action", ""), _chosen()
    back = url_for(".index", **_list_query().texts)
    if not ids:
        toast(_("Choose schedules first"), failed=True)
        return go_to(back)
    if (first := _question(action, ids)) is not None:
        return first
    _act(action, ids)
    return go_to(back)


@bp.post("/undo")
@requires("operate")
def undo() -> Response:
    done_at = moment("done_at")
    outcomes = schedules.undo(done_at, current_user.name, viewer.now())
    toast_bulk(outcomes, _("Undone"))
    return back(url_for(".index"))


def late_count() -> Count | None:
    """The late ones, for the sidebar."""
    number = schedules.late_count(viewer.now())
    name = ngettext("%(num)d late schedule", "%(num)d late schedules", number)
    return Count(str(number), name, "late") if number else None


def row_context(schedule: schedules.Schedule) -> dict[str, Any]:
    """What the line of a single schedule shows."""
    return {"row": _rows([schedule])[0], "shows_apps": bool(apps_known())}


def _version() -> str:
    """Moves with schedules and with runs, and every few seconds; empty while nobody can tell."""
    return live.joined(schedules.version(), runs.version(), live.period(viewer.now(), _FRESH_SECONDS))


def _list() -> dict[str, Any]:
    """What the list shows; the version is read first, so that a change meanwhile is seen at the next poll."""
    version, now = _version(), viewer.now()
    query = lists.read(ScheduleFilter, request.args, now, viewer.zone(), ("cursor", "version"))
    filters = replace(query.filter, order=query.filter.order or "next")
    page = schedules.page(filters, PAGE_SIZE, query.cursor)
    counts = schedules.counts(filters, now)
    selects = _selects()
    return {
        "version": version,
        "rows": _rows(page.items),
        "chips": presentation.chips(counts, query),
        "tags": lists.tags(query, ("state", "order", *(name for name, _label, _values in selects), "q")),
        "counts": counts,
        "matching": counts[filters.state or "all"],
        "asked": query,
        "page": page,
        "order": filters.order,
        "selects": selects,
        "shows_apps": bool(apps_known()),
        "queues": settings().declared_queues,
        "beats": beats(),
        "bulk_max": BULK_MAX,
        "above": views.above("schedules", query),
    }


def beats() -> list[heartbeats.Beat] | None:
    """The beats that were heard of; None while Redis does not answer."""
    try:
        return heartbeats.beats(broker.client(), viewer.now())
    except BrokerUnavailable:
        return None


def _rows(items: Sequence[schedules.Schedule]) -> list[presentation.ListedSchedule]:
    now, ids = viewer.now(), [schedule.id for schedule in items]
    strips, waiting, paused = schedules.strips(ids), schedules.waiting_fires(ids, now), paused_queues()
    return [
        presentation.row(
            schedule, strips[schedule.id], waiting.get(schedule.id), paused, drift(schedule), now
        )
        for schedule in items
    ]


def paused_queues() -> list[str]:
    try:
        return list(broker.paused())
    except BrokerUnavailable:
        return []


def drift(schedule: schedules.Schedule) -> str:
    """What today's signature says against the schedule's arguments, in words; empty when they fit."""
    when = words.at(schedule.next_run_at, viewer.now()) if schedule.next_run_at else ""
    problems = schedules.drift_of(schedule, viewer.now())
    return presentation.drift_words(problems, schedule, when)


def _selects() -> list[tuple[str, str, Sequence[str]]]:
    """The drop-down filters."""
    apps = apps_known()
    return [
        *([("app", _("App"), [OWN_APP, *apps])] if apps else []),
        ("task_name", _("Task"), catalog.names()),
        ("queue", _("Queue"), settings().declared_queues),
        ("timezone", _("Time zone"), schedules.zones()),
    ]


def _is_upkeep(row: schedules.Schedule) -> bool:
    """Whether it is Celeriac's own, which is there before anybody has made one."""
    return row.origin == CODE and row.task_name.startswith("maintenance.")


def _first_use() -> dict[str, Any]:
    """What the empty page tells and suggests."""
    try:
        online = [worker for worker in heartbeats.workers(broker.client(), viewer.now()) if worker.online]
    except BrokerUnavailable:
        online = []
    return {
        "first_use": True,
        "online": len(online),
        "tasks": len(catalog.listing()),
        "suggestions": [
            (suggestion, presentation.cron_words(suggestion.cron_schedule))
            for suggestion in suggestions.suggest(ZoneInfo(viewer.zone()), viewer.now())
        ],
    }


def _list_query() -> lists.ListQuery[ScheduleFilter]:
    """The list that a form of many schedules stood on; its other fields have names that no filter has."""
    return lists.read(ScheduleFilter, request.form, viewer.now(), viewer.zone(), _FORM_FIELDS)


def _chosen() -> list[int]:
    """The ids that were ticked, or of all that match, as far as one step may go."""
    if request.form.get("all"):
        return schedules.ids(_list_query().usable(), BULK_MAX)
    ids = [whole(text) for text in request.form.getlist("id")]
    if None in ids:
        raise Invalid({"id": [_("Choose schedules of the list.")]})
    return [schedule_id for schedule_id in dict.fromkeys(ids) if schedule_id is not None]


def _question(action: str, ids: list[int]) -> Any:
    """The question that comes before deleting and before choosing a queue; None when it was answered."""
    rows = schedules.of_ids(ids)
    shown: dict[str, Any] = {"schedules": rows, "queues": settings().declared_queues, "asked": _list_query()}
    if action == "queue" and "new_queue" not in request.form:
        return question("schedules/_bulk_queue.html", _("Change queue"), **shown)
    if action == "delete":
        shown["must_type"] = str(len(rows)) if len(rows) > TYPE_TO_DELETE else ""
        if not request.form.get("sure") or request.form.get("typed", "") != shown["must_type"]:
            return question("schedules/_bulk_delete.html", _("Delete schedules"), **shown)
    return None


def _act(action: str, ids: list[int]) -> None:
    now = viewer.now()
    values = {"queue": request.form.get("new_queue") or None, "note": request.form.get("note", "")}
    results = schedules.apply(action, ids, current_user.name, now, values)
    toast_bulk(results, str(_DONE[action]), now if action in UNDOABLE else None)


_DONE = {
    "run": _l("Sent to their queues"),
    "enable": _l("Turned on"),
    "disable": _l("Turned off"),
    "queue": _l("Queue changed"),
    "delete": _l("Deleted"),
    "undelete": _l("Brought back"),
}
