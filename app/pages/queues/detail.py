"""The page of one queue: its line, what is held, and why a run waits."""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any

from flask import render_template, request
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from werkzeug.datastructures import MultiDict
from werkzeug.wrappers import Response

from app import broker, catalog, heartbeats, lists, queues, runs
from app.config import settings
from app.errors import NotFound
from app.lists.fields import INTEGER_MAX, Choice, Whole
from app.pages import marks, views
from app.pages.queues import trends
from app.pages.queues.blueprint import bp, view_query
from app.pages.queues.forms import PAGE_SIZE, optional_number
from app.queues import Diagnosis, Queue, Waiting
from app.runs import Run
from app.views import QUEUE
from app.web import live, viewer
from app.web.permissions import requires
from app.web.titles import title

WAITING, HELD = "waiting", "held"
HELD_SHOWN = 5  # below the line; all of them on their own tab
_FRESH_SECONDS = 4  # estimates age


@dataclass(frozen=True)
class LineFilter(queues.WaitingFilter):
    """Beside the filter: the tab of the page, and where its part of the line begins."""

    tab: str = lists.of(Choice([WAITING, HELD]), _l("Part"), WAITING)
    offset: int = lists.of(Whole(0, INTEGER_MAX), _l("Position"), 0)


BESIDE = ("run", "hint", "top", "version", "view")  # what an address of the page says beside its filter
LINE_FIELDS = tuple(field.name for field in fields(LineFilter))


@bp.get("/<queue>")
@requires("view")
def show(queue: str) -> str | Response:
    return views.first_view(f"{QUEUE}:{queue}") or render_template("queues/show.html", **shown(queue))


@bp.get("/<queue>/live")
@requires("view")
def part(queue: str) -> str | Response:
    version = _version(queues.find(queue, viewer.now()))
    return live.fragment("queues/_queue.html", version, lambda: shown(queue))


def shown(name: str) -> dict[str, Any]:
    """What the page shows of a queue; the version is read first: a change meanwhile is seen next time."""
    queue = queues.find(name, viewer.now())
    asked, version, matches = _asked(), _version(queue), None
    tab, part = asked.filter.tab, _part(queue, asked)
    if _is_filtered(asked):
        matches = queues.search(queue, asked.filter, part.offset, PAGE_SIZE, tab == HELD)
        line, held = (matches.items, []) if tab == WAITING else ([], matches.items)
    else:
        line = queues.line(queue, part.offset, PAGE_SIZE) if tab == WAITING else []
        held = queues.held(queue, *_held_part(queue, asked))
    selected = _selected(queue, line)
    top = live.version_of([waiting.id for waiting in line])
    span = viewer.now() - queues.SPAN, viewer.now()
    return {
        "version": version,
        "queue": queue,
        "tab_title": title(name, _("%(n)s waiting", n=queue.waiting) if queue.waiting else ""),
        "trends": trends,
        "happened": marks.marks(marks.happened(*span), *span),
        "tab": tab,
        "line": line,
        "held": held,
        "part": part,
        "asked": asked,
        "filtered": _is_filtered(asked),
        "found": matches,
        "above": views.above(f"{QUEUE}:{name}", asked),
        "tags": lists.tags(asked, LineFilter.__annotations__),
        "tasks": [info.name for info in catalog.listing() if info.app is None and info.queue == name],
        "query": view_query(),
        "selected": selected,
        "why": _why(selected, queue) if selected else None,
        "queues": [other for other in settings().declared_queues if other != name],
        "top": top,
        "moved_on": request.args.get("top", top) != top,
    }


def _asked() -> lists.ListQuery[LineFilter]:
    """What the address asks for; it stays while a form of the page is sent, which has fields of its own."""
    if request.method == "GET":
        return lists.read(LineFilter, request.args, viewer.now(), viewer.zone(), BESIDE)
    sent = [(name, request.values.get(name, "")) for name in LINE_FIELDS]
    return lists.read(LineFilter, MultiDict(sent), viewer.now(), viewer.zone())


def _is_filtered(asked: lists.ListQuery[LineFilter]) -> bool:
    return bool(asked.without(*LineFilter.__annotations__))


def _part(queue: Queue, asked: lists.ListQuery[LineFilter]) -> lists.Part:
    """What of the line the page shows; of a filter, how far it was looked before."""
    total, offset = queue.held if asked.filter.tab == HELD else queue.waiting, asked.filter.offset
    if _is_filtered(asked):
        return lists.Part(min(offset, total), 0, total, PAGE_SIZE)
    return lists.Part.of(offset, total, PAGE_SIZE)


def _held_part(queue: Queue, asked: lists.ListQuery[LineFilter]) -> tuple[int, int]:
    return (_part(queue, asked).offset, PAGE_SIZE) if asked.filter.tab == HELD else (0, HELD_SHOWN)


def _selected(queue: Queue, line: Sequence[Waiting]) -> Waiting | None:
    """The run that the page explains; None when it waits here no longer."""
    run_id = request.values.get("run")
    if not run_id:
        return None
    if on_page := next((waiting for waiting in line if waiting.id == run_id), None):
        return on_page
    try:
        return queues.find_waiting(queue, run_id, optional_number("hint"))
    except NotFound:
        return None


def _why(waiting: Waiting, queue: Queue) -> Diagnosis:
    try:
        run = runs.get(waiting.id)
    except NotFound:  # nobody has recorded it: a message of another program, or its event is still on its way
        run = Run(**runs.new_row(waiting.id, waiting.task_name or "", queue.at) | {"queue": queue.name})
    return queues.diagnose(run, heartbeats.workers(broker.client(), queue.at), queue.at, waiting.position)


def _version(queue: Queue) -> str:
    """Moves with what the page shows; asks the database nothing. Estimates age, so they move it too."""
    asked = _asked()
    offset, limit = _held_part(queue, asked)
    begin = _part(queue, asked).offset
    line = broker.page(queue.name, begin, PAGE_SIZE, body_limit=0) if asked.filter.tab == WAITING else []
    return live.version_of(
        [(message.id, message.position, message.priority) for message in line],
        [(held.message.id, held.reason) for held in broker.held(queue.name, offset, limit)],
        [queue.waiting, queue.held, queue.pause, queue.holding_new],
        [(worker.hostname, worker.state, worker.slots, worker.busy) for worker in queue.listening],
        runs.version(),
        int(queue.at.timestamp() // _FRESH_SECONDS) if queue.waiting and queue.taking else 0,
        broker.slot_of(queue.at),
    )
