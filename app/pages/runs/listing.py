"""What the list of runs shows."""

from collections.abc import Mapping
from typing import Any

from flask import request
from flask_babel import gettext as _
from flask_babel import ngettext

from app import broker, catalog, heartbeats, lists, runs, schedules
from app.config import settings
from app.errors import BrokerUnavailable, NotFound
from app.lists.export import MOST
from app.lists.fields import SPAN_WORDS
from app.pages import views
from app.pages.runs import presentation
from app.runs import apps, bulk, states
from app.web import viewer
from app.web.titles import title
from celeriac_agent.settings import OWN_APP

PAGE_SIZE = 50
_OFFERED_MOST = 200


def parts() -> dict[str, Any]:
    """What the list shows; the version is read first, so that a change meanwhile is seen at the next poll."""
    version, now = runs.version(), viewer.now()
    asked = lists.read(runs.RunFilter, request.args, now, viewer.zone(), ("cursor", "top", "version"))
    wanted = asked.filter
    top = request.args.get("top")
    page = runs.page(wanted, PAGE_SIZE, asked.cursor)
    newer = runs.newer_than(wanted, top) if top and not asked.cursor else 0
    counts = runs.counts_of(wanted)
    number = presentation.number_of(counts, wanted.state)
    return {
        "version": version,
        "gaps": runs.gaps(now),
        "heading": presentation.heading(number, asked),
        "number": number,
        "tab_title": _title(counts),
        "asked": asked,
        "page": page,
        "top": runs.cursor_of(page.items[0], wanted) if page.items and not asked.cursor else None,
        "newer": newer,
        "newer_words": ngettext("%(num)s newer run", "%(num)s newer runs", newer),
        "chips": presentation.chips(counts, asked),
        "tags": presentation.tags(asked, _schedule_name(wanted.schedule_id)),
        "bulk_most": bulk.MOST,
        "above": views.above("runs", asked),
        "export_most": MOST,
    } | _choices()


def _title(counts: Mapping[str, int] | None) -> str:
    """The failed runs of the filter before the name of the page."""
    number = presentation.number_of(counts, states.FAILED)
    failed = _("%(n)s failed", n=number) if number not in ("", "0") else ""
    return title(_("Runs"), failed, "failed")


def _choices() -> dict[str, Any]:
    """The drop-down filters, and what is offered while one types."""
    names = apps.known()
    of_apps = [("app", _("App"), [OWN_APP, *names])] if names else []
    offered = schedules.page(schedules.ScheduleFilter(), _OFFERED_MOST).items
    return {
        "selects": [
            *of_apps,
            ("task_name", _("Task"), catalog.names()),
            ("queue", _("Queue"), settings().declared_queues),
        ],
        "shows_apps": bool(names),
        "ranges": SPAN_WORDS,
        "workers": _workers(),
        "schedules": [(str(row.id), row.name) for row in offered],
    }


def _workers() -> list[str]:
    try:
        client, now = broker.client(), viewer.now()
        workers = [*heartbeats.workers(client, now), *heartbeats.app_workers(client, now)]
        return sorted({worker.hostname for worker in workers})
    except BrokerUnavailable:
        return []


def _schedule_name(schedule_id: int | None) -> str | None:
    if schedule_id is None:
        return None
    try:
        return schedules.get(schedule_id).name
    except NotFound:
        return None
