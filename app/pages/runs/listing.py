"""What the list of runs and the page of failures show."""

from typing import Any

from flask import request
from flask_babel import gettext as _
from flask_babel import ngettext

from app import broker, catalog, heartbeats, runs, schedules
from app.config import settings
from app.errors import BrokerUnavailable, NotFound
from app.pages.runs import filters, presentation
from app.runs import bulk, export
from app.web import viewer

PAGE_SIZE = 50
GROUPS_SHOWN = 30
_OFFERED_MOST = 200


def parts() -> dict[str, Any]:
    """What the list shows; the version is read first, so that a change meanwhile is seen at the next poll."""
    version, now = runs.version(), viewer.now()
    wanted = filters.wanted(request.args, now, viewer.zone())
    cursor, top = request.args.get("cursor"), request.args.get("top")
    page = runs.page(wanted.filter, PAGE_SIZE, cursor)
    newer = runs.newer_than(wanted.filter, top) if top and not cursor else 0
    query = wanted.query | ({"cursor": cursor} if cursor else {})
    counts = runs.counts_of(wanted.filter)
    number = presentation.number_of(counts, wanted)
    return {
        "version": version,
        "gaps": runs.gaps(now),
        "heading": presentation.heading(number, wanted),
        "number": number,
        "runs": page.items,
        "looked": page.looked,
        "top": runs.cursor_of(page.items[0]) if page.items and not cursor else None,
        "newer": newer,
        "newer_words": ngettext("%(num)s newer run", "%(num)s newer runs", newer),
        "chips": presentation.chips(counts, wanted),
        "tags": presentation.tags(wanted, _schedule_name(wanted.filter.schedule_id)),
        "errors": wanted.errors,
        "query": query,
        "first_query": wanted.query,
        "next_query": wanted.query | {"cursor": page.next_cursor},
        "next_cursor": page.next_cursor,
        "filtered": wanted.narrowed,
        "bulk_most": bulk.MOST,
        "export_most": export.MOST,
    } | _choices(wanted.query)


def failures() -> dict[str, Any]:
    """The failures of a time in groups, the largest first."""
    last = request.args.get("last", "24h")
    chosen = last if last in filters.QUICK else "24h"
    found = runs.grouped_failures(viewer.now() - filters.QUICK[chosen])
    groups = sorted(found.groups, key=lambda group: -group.count)
    shown = groups if request.args.get("all") else groups[:GROUPS_SHOWN]
    return {
        "last": chosen,
        "bad": "" if last == chosen else last[:80],
        "ranges": filters.QUICK_WORDS,
        "found": found,
        "groups": shown,
        "hidden": len(groups) - len(shown),
    }


def _choices(query: dict[str, str]) -> dict[str, Any]:
    """The drop-down filters, and what is offered while one types; a chosen value stays in its list."""
    tasks = [info.name for info in catalog.listing()]
    selects = [("task_name", _("Task"), tasks), ("queue", _("Queue"), list(settings().declared_queues))]
    kept = [
        (name, label, values if query.get(name, "") in ("", *values) else [*values, query[name]])
        for name, label, values in selects
    ]
    names = [(row.id, row.name) for row in schedules.page(schedules.Filter(), _OFFERED_MOST).items]
    return {"selects": kept, "ranges": filters.QUICK_WORDS, "workers": _workers(), "schedules": names}


def _workers() -> list[str]:
    try:
        return [worker.hostname for worker in heartbeats.workers(broker.client(), viewer.now())]
    except BrokerUnavailable:
        return []


def _schedule_name(schedule_id: int | None) -> str | None:
    if schedule_id is None:
        return None
    try:
        return schedules.get(schedule_id).name
    except NotFound:
        return None
