"""The page of one schedule, live: facts, next fires, ledger, change history."""

from typing import Any

from flask import render_template, request
from flask_babel import format_decimal
from flask_babel import gettext as _

from app import catalog, lists, runs, schedules
from app.errors import NotFound
from app.pages.schedules import fires, listing
from app.pages.schedules import history as changes
from app.pages.schedules.blueprint import bp
from app.pages.schedules.form import MISSED_WORDS, OVERLAP_WORDS
from app.pages.schedules.parameter_form import marker_words
from app.runs import Run
from app.schedules import timing
from app.schedules.definition import task_of, timing_of
from app.schedules.policies import default_on_missed
from app.schedules.timing import Preview, TimingError
from app.web import live, viewer
from app.web.permissions import requires
from app.web.words import duration

LEDGER_SIZE = 20
_FRESH_SECONDS = 5  # beats tick without touching any version


@bp.get("/<int:schedule_id>")
@requires("view")
def show(schedule_id: int) -> Any:
    try:
        return render_template("schedules/show.html", **_context(schedule_id))
    except NotFound:
        history = schedules.changes_of(schedule_id)
        if not history or history[0].action != "delete":
            raise
        return render_template("schedules/gone.html", change=history[0]), 404


@bp.get("/<int:schedule_id>/live")
@requires("view")
def part(schedule_id: int) -> Any:
    return live.fragment("schedules/_schedule.html", _version(), lambda: _context(schedule_id))


def _version() -> str:
    return live.joined(schedules.version(), runs.version(), live.period(viewer.now(), _FRESH_SECONDS))


def _context(schedule_id: int) -> dict[str, Any]:
    version = _version()
    schedule = schedules.get(schedule_id)
    query = lists.read(lists.Filter, request.args, viewer.now(), viewer.zone())
    page = runs.page(runs.RunFilter(schedule_id=schedule.id), LEDGER_SIZE, query.cursor)
    info = task_of(schedule)
    preview = _preview(schedule)
    return {
        "version": version,
        **listing.row_context(schedule),
        "schedule": schedule,
        "info": info,
        "given": _arguments(schedule, info),
        "problems": schedules.drift_of(schedule, viewer.now()),
        "overlap": OVERLAP_WORDS.get(schedule.overlap, schedule.overlap),  # type: ignore[call-overload]
        "on_missed": _missed_words(schedule),
        "fires": _fires(schedule, preview),
        "warnings": preview.warnings if preview else [],
        "ledger": [(run, _delay(run), schedules.reason_of_run(run)) for run in page.items],
        "asked": query,
        "page": page,
        "history": [changes.shown(change) for change in schedules.changes_of(schedule.id, changes.SHOWN)],
        "overridden": [changes.field_word(name) for name in schedules.overridden(schedule)],
        "beats": listing.beats(),
    }


def _missed_words(schedule: schedules.Schedule) -> Any:
    policy = schedule.on_missed or default_on_missed(schedule.task_type)  # type: ignore[arg-type]
    return MISSED_WORDS.get(policy, policy)  # type: ignore[call-overload]


def _preview(schedule: schedules.Schedule) -> Preview | None:
    """The next fires from where beat stands; None for a schedule that does not fire or cannot be read."""
    if schedule.next_due_at is None:
        return None
    try:
        shape = timing_of(schedule, schedule.id)
        return timing.preview(shape, viewer.now(), fires.SHOWN, schedule.next_due_at)
    except (TimingError, ValueError):
        return None


def _fires(schedule: schedules.Schedule, preview: Preview | None) -> list[fires.ShownFire]:
    if preview is None:
        return []
    skips = schedules.skipped_moments(schedule)
    return fires.shown(preview.fires, schedule.timezone, viewer.now(), skips)


def _delay(run: Run) -> str | None:
    """How long after the nominal moment it really began, or was sent."""
    actual_at = run.started_at or run.sent_at
    if run.due_at is None or actual_at is None:
        return None
    return _short(max(0.0, (actual_at - run.due_at).total_seconds()))


def _short(seconds: float) -> str:
    return _("%(n)s s", n=format_decimal(round(seconds, 1))) if seconds < 10 else duration(seconds)


def _arguments(schedule: schedules.Schedule, info: catalog.TaskInfo | None) -> list[tuple[str, Any, str]]:
    """The arguments by name, secrets masked, and what those mean that refer to the fire."""
    args, kwargs = catalog.hide(info, schedule.args, schedule.kwargs)
    names = info.places(len(args)) if info else []
    named = [(names[n] if n < len(names) and names[n] else str(n + 1), value) for n, value in enumerate(args)]
    return [
        (name, value, marker_words(info.parameter(name) if info else None, value))
        for name, value in [*named, *kwargs.items()]
    ]
