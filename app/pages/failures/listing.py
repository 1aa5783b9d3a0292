"""The list of kinds of failures, live."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from flask import render_template, request, url_for
from flask_babel import lazy_gettext as _l
from flask_babel import lazy_pgettext
from flask_login import current_user
from werkzeug.wrappers import Response

from app import broker, catalog, lists, runs
from app.broker import topics
from app.lists.fields import SPAN_WORDS
from app.pages import views
from app.pages.failures.blueprint import bp
from app.runs import states
from app.runs.failures import FailureGroup, FailureKind, acts, groups_of, inbox
from app.runs.failures.inbox import FailureFilter
from app.runs.failures.models import IGNORED, OPEN, RESOLVED
from app.web import live, viewer
from app.web.permissions import requires

PAGE_SIZE = 30
STATE_WORDS = {
    OPEN: lazy_pgettext("failure", "Open"),
    RESOLVED: _l("Resolved"),
    IGNORED: _l("Ignored"),
    inbox.ALL: _l("All kinds"),
}
STATE_ICONS = {OPEN: "failed", RESOLVED: "succeeded", IGNORED: "cancelled", inbox.ALL: ""}
_FRESH_SECONDS = 60  # what is ignored comes back with time alone
_OWNERS_OFFERED = 200


@dataclass(frozen=True)
class ListedKind:
    """A kind as it stands; `group` is of its newest failures, none when these lie further back."""

    row: FailureKind
    state: str
    group: FailureGroup | None

    @property
    def id(self) -> int:
        return self.row.id


@bp.get("")
@requires("view")
def index() -> str | Response:
    return views.first_view("failures") or render_template("failures/index.html", **parts())


@bp.get("/table")
@requires("view")
def table() -> str | Response:
    return live.fragment("failures/_table.html", version(), parts)


def version() -> str:
    """Moves with runs, with what people do to kinds, and every few seconds."""
    of_kinds = topics.version(broker.client(), acts.TOPIC)
    return live.joined(runs.version(), of_kinds, live.period(viewer.now(), _FRESH_SECONDS))


def parts() -> dict[str, Any]:
    """What the list shows; the version is read first, so that a change meanwhile is seen at the next poll."""
    shown_version = version()
    asked = lists.read(FailureFilter, request.args, viewer.now(), viewer.zone(), ("cursor", "version"))
    wanted = asked.filter
    page, counts = inbox.page(wanted, PAGE_SIZE, asked.cursor), inbox.counts(wanted)
    state_chips = [(name, STATE_WORDS[name], f"{counts[name]:,}", STATE_ICONS[name]) for name in STATE_WORDS]
    return {
        "version": shown_version,
        "asked": asked,
        "above": views.above("failures", asked),
        "page": page,
        "rows": listed(page.items, wanted),
        "chips": lists.chips(asked, "state", state_chips, wanted.state)[1:],
        "tags": lists.tags(asked, ("state", "order", "owner", "last", "q")),
        "counts": counts,
        "matching": counts[wanted.state],
        "bulk_max": acts.BULK_MAX,
        "ranges": SPAN_WORDS,
        "owners": inbox.owners(_OWNERS_OFFERED, current_user.name),
        "span": {name: asked.texts[name] for name in ("since", "last") if name in asked.texts},
    }


def failed_runs(one: FailureKind | FailureGroup, **span: str) -> str:
    """The address of the runs that failed so."""
    of = {"task_name": one.task_name, "app": catalog.app_named(one.app, one.task_name)}
    values: dict[str, Any] = {"state": "failed"} | of | {"error": one.kind or None} | span
    return url_for("runs.index", **values)


def listed(rows: Sequence[FailureKind], wanted: FailureFilter) -> list[ListedKind]:
    """Kinds with what is known of their newest failures: those that lie at the same time are read."""
    if not rows:
        return []
    newest, first = max(row.last_at for row in rows), min(row.first_at for row in rows)
    tasks = {row.task_name for row in rows}
    of_runs = runs.RunFilter(
        state=states.FAILED,
        since=max(wanted.since, first) if wanted.since else first,  # before that none of them failed
        until=newest + timedelta(microseconds=1),
        task_name=tasks.pop() if len(tasks) == 1 else None,
    )
    groups = groups_of([row.key for row in rows], of_runs)
    return [ListedKind(row, row.standing(viewer.now()), groups.get(row.key)) for row in rows]
