"""Schedules of other schedulers beside what they would be here, and taking them over."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from flask import render_template, request, url_for
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_login import current_user
from werkzeug.wrappers import Response

from app import catalog
from app.bulk import Result
from app.errors import Conflict, Invalid
from app.pages.schedules.blueprint import bp, toast_bulk, toast_done
from app.schedules import foreign, timing
from app.schedules.bulk import BULK_MAX
from app.schedules.definition import timing_of
from app.web import viewer
from app.web.dialogs import question
from app.web.htmx import go_to
from app.web.numbers import whole
from app.web.permissions import requires
from app.web.toasts import toast

PAGE_SIZE = 30
FIRES = 3
SHOWN_BEFORE = 12  # of what is going to be taken over
# What to stop, by kind.
TO_STOP: dict[str, Any] = {
    "django-celery-beat": _l("the celery beat with django_celery_beat.schedulers:DatabaseScheduler"),
    "sqlalchemy-celery-beat": _l("the celery beat with sqlalchemy_celery_beat.schedulers:DatabaseScheduler"),
    "redbeat": _l("the celery beat with redbeat.RedBeatScheduler"),
    "beat-schedule": _l("the celery beat of that app"),
}


@dataclass(frozen=True)
class ListedEntry:
    """One line: what it is there and here, the next fires of both, its arguments with secrets masked."""

    proposal: foreign.Proposal
    words: str
    there: list[datetime]
    here: list[datetime]
    args: list[Any]
    kwargs: dict[str, Any]


@dataclass(frozen=True)
class ListedSource:
    """One scheduler with a page of its entries; `problem`: why it cannot be read."""

    source: foreign.Source
    to_stop: str
    problem: str = ""
    number: int = 0
    left_out: int = 0
    entries: Sequence[ListedEntry] = ()
    page: int = 0
    has_more: bool = False
    waiting: foreign.Waiting | None = None


@bp.get("/others")
@requires("view")
def others() -> str:
    """Every scheduler that is known; one of them from a page on, where that is asked for."""
    asked, page = request.args.get("source", ""), whole(request.args.get("page", "0")) or 0
    sources = [foreign.by_id(asked)] if asked else foreign.sources()
    waiting = {taken.taken_from: taken for taken in foreign.waiting()}
    listed = [_listed(source, page if asked else 0, waiting.get(source.taken_from)) for source in sources]
    known = {source.taken_from for source in foreign.sources()}
    unknown = [taken for taken in waiting.values() if taken.taken_from not in known]
    return render_template("schedules/others.html", listed=listed, unknown=unknown)


@bp.get("/others/take-over")
@requires("operate")
def ask_take_over() -> str:
    """What would be made, before it is."""
    source = foreign.by_id(request.args.get("source", ""))
    reading, now = foreign.read(source), viewer.now()
    names = set(request.args.getlist("entry"))
    entries = [entry for entry in reading.entries if not names or entry.name in names]
    proposals = foreign.propose(source, entries, now)
    possible = [proposal for proposal in proposals if proposal.possible]
    return question(
        "schedules/_take_over.html",
        _("Take over"),
        [(url_for(".index"), _("Schedules")), (url_for(".others"), _("Of other schedulers"))],
        source=source,
        possible=possible,
        shown=[_entry(proposal, now) for proposal in possible[:SHOWN_BEFORE]],
        impossible=sum(bool(proposal.problems) for proposal in proposals),
        everything=not names,
        to_stop=TO_STOP[source.kind],
    )


@bp.post("/others/take-over")
@requires("operate")
def take_over() -> Response:
    """Take over what the question showed: all that is possible, or these."""
    source, now = foreign.by_id(request.form.get("source", "")), viewer.now()
    names = request.form.getlist("entry")
    if not names:
        raise Invalid({"entry": [_("Choose at least one entry.")]})
    results = foreign.take_over(source, foreign.read(source), names, current_user.name, now)
    toast_bulk(
        results, _("Taken over, off until the other one is stopped"), now if len(names) <= BULK_MAX else None
    )
    return go_to(url_for(".others"))


@bp.get("/others/stopped")
@requires("operate")
def ask_stopped() -> str:
    return _ask_stopped(request.args.get("taken_from", ""))


@bp.post("/others/stopped")
@requires("operate")
def stopped() -> Any:
    """Somebody says that the other scheduler is stopped: what was on there is turned on here."""
    taken_from, now = request.form.get("taken_from", ""), viewer.now()
    if not request.form.get("sure"):
        return _ask_stopped(taken_from, _("Tick that it is stopped first.")), 422
    waits = any(taken.taken_from == taken_from for taken in foreign.waiting())
    try:
        results = foreign.stopped(taken_from, current_user.name, now, _reading(taken_from))
    except Conflict as error:  # it shows that it runs
        return _ask_stopped(taken_from, error.detail), 422
    if not waits:
        toast(_("Nothing waits for this scheduler"), failed=True)
        return go_to(url_for(".others"))
    problems = [result for result in results if not result.done]
    toast_done(_("It is stopped: what was on there is on here"), _turned(results))
    if problems:
        toast_bulk(problems, "")
    return go_to(url_for(".others"))


def _turned(results: Sequence[Result]) -> str:
    return _(", ").join(result.name for result in results if result.done)[:200]


def _ask_stopped(taken_from: str, why: str = "") -> str:
    waiting = next((taken for taken in foreign.waiting() if taken.taken_from == taken_from), None)
    return question(
        "schedules/_stopped.html",
        _("It is stopped"),
        [(url_for(".index"), _("Schedules")), (url_for(".others"), _("Of other schedulers"))],
        taken_from=taken_from,
        waiting=waiting,
        to_stop=TO_STOP.get(taken_from.split(" ")[0], ""),
        why=why,
    )


def _reading(taken_from: str) -> foreign.Reading | None:
    """What the scheduler says now, if it is known here and can be read: it may show that it runs."""
    for source in foreign.sources():
        if source.taken_from == taken_from:
            try:
                return foreign.read(source)
            except foreign.Unreadable:
                return None  # it may be gone altogether
    return None


def _listed(source: foreign.Source, page: int, waiting: foreign.Waiting | None) -> ListedSource:
    to_stop, now = str(TO_STOP[source.kind]), viewer.now()
    try:
        reading = foreign.read(source)
    except foreign.Unreadable as error:
        return ListedSource(source, to_stop, error.detail, waiting=waiting)
    begin = page * PAGE_SIZE
    chosen = reading.entries[begin : begin + PAGE_SIZE]
    return ListedSource(
        source,
        to_stop,
        number=len(reading.entries),
        left_out=reading.left_out,
        entries=[_entry(proposal, now) for proposal in foreign.propose(source, chosen, now)],
        page=page,
        has_more=begin + PAGE_SIZE < len(reading.entries),
        waiting=waiting,
    )


def _entry(proposal: foreign.Proposal, now: datetime) -> ListedEntry:
    entry, definition = proposal.entry, proposal.definition
    words, here = "", []
    if definition is not None:
        words = timing.words(timing_of(definition, None))
        here = foreign.fires_here(definition, now, FIRES)
    args, kwargs = catalog.hide(proposal.task, entry.args, entry.kwargs)
    return ListedEntry(proposal, words, foreign.next_fires(entry, now, FIRES), here, args, kwargs)
