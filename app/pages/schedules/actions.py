"""What is done to one schedule: switch, run now, skip, copy, reset, delete."""

from typing import Any

from flask import render_template, request, url_for
from flask_babel import gettext as _
from flask_login import current_user
from werkzeug.wrappers import Response

from app import runs, schedules
from app.accounts import permits
from app.errors import Conflict, Invalid
from app.pages.schedules import listing
from app.pages.schedules.blueprint import address_of, bp, toast_done
from app.pages.schedules.form import OVERLAP_WORDS
from app.web import viewer
from app.web.dialogs import question
from app.web.htmx import back, go_to, wants_fragment
from app.web.idempotency import done_at
from app.web.moments import moment
from app.web.permissions import requires
from app.web.toasts import toast


@bp.get("/<int:schedule_id>/menu")
@requires("operate")
def menu(schedule_id: int) -> str:
    """The menu of a line, asked for when it opens: most never do."""
    return render_template("schedules/_menu.html", one=schedules.get(schedule_id))


@bp.post("/<int:schedule_id>/switch")
@requires("operate")
def switch(schedule_id: int) -> Any:
    """The switch of a line: done at once, with an undo; the line comes back as it is now."""
    on = bool(request.form.get("enabled"))
    try:
        _switch(schedule_id, on, "")
    except Conflict as error:
        toast(_("It stays off"), error.detail, failed=True)
    return _row_or_back(schedule_id)


@bp.post("/<int:schedule_id>/enable")
@requires("operate")
def enable(schedule_id: int) -> Response:
    _switch(schedule_id, True, request.form.get("note", ""))
    return back(address_of(schedule_id))


@bp.get("/<int:schedule_id>/disable")
@requires("operate")
def ask_note(schedule_id: int) -> str:
    return question("schedules/_disable.html", _("Turn off"), schedule=schedules.get(schedule_id))


@bp.post("/<int:schedule_id>/disable")
@requires("operate")
def disable(schedule_id: int) -> Response:
    _switch(schedule_id, False, request.form.get("note", ""))
    return back(address_of(schedule_id))


@bp.get("/<int:schedule_id>/run")
@requires("operate")
def ask_overlap(schedule_id: int) -> str:
    return _overlap_question(schedule_id)


@bp.post("/<int:schedule_id>/run")
@requires("operate")
def run(schedule_id: int) -> Any:
    overlap: Any = request.form.get("overlap") or None
    if overlap not in (None, *OVERLAP_WORDS):
        raise Invalid({"overlap": [_("Choose one of the list.")]})

    try:
        new = schedules.run_now(schedule_id, current_user.name, viewer.now(), overlap)
    except Conflict as error:
        if error.code != "overlap":
            raise
        return _ask_overlap(schedule_id, error.detail)
    toast_done(
        _("Sent to the queue %(queue)s", queue=new.queue), schedules.get(schedule_id).name, run_id=new.id
    )
    done_at(address_of(schedule_id))
    return _row_or_back(schedule_id)


@bp.post("/<int:schedule_id>/skip")
@requires("operate")
def skip(schedule_id: int) -> Response:
    now = viewer.now()
    due_at = moment("due_at") if request.form.get("due_at") else None
    row = schedules.skip(schedule_id, current_user.name, now, due_at)
    undo_at = now if permits.may_run(row.task_name, row.app) else None
    toast_done(
        _("This fire will be skipped") if due_at else _("The next fire will be skipped"), row.name, undo_at
    )
    return back(address_of(schedule_id))


@bp.post("/<int:schedule_id>/restore")
@requires("operate")
def restore(schedule_id: int) -> Response:
    now = viewer.now()
    row = schedules.restore(schedule_id, moment("due_at"), current_user.name, now)
    toast_done(_("This fire will happen"), row.name, now)
    return back(address_of(schedule_id))


@bp.post("/<int:schedule_id>/duplicate")
@requires("operate")
def duplicate(schedule_id: int) -> Response:
    row = schedules.duplicate(schedule_id, current_user.name, viewer.now())
    toast_done(_("Copied, and off until you turn it on"), row.name)
    return go_to(url_for(".edit", schedule_id=row.id))


@bp.post("/<int:schedule_id>/reset")
@requires("operate")
def reset(schedule_id: int) -> Response:
    row = schedules.reset_to_code(schedule_id, current_user.name, viewer.now())
    toast_done(_("As the code says again"), row.name)
    return back(address_of(schedule_id))


@bp.get("/<int:schedule_id>/delete")
@requires("operate")
def ask_delete(schedule_id: int) -> str:
    schedule = schedules.get(schedule_id)
    kept = runs.page(runs.RunFilter(schedule_id=schedule.id), limit=1).items
    return question("schedules/_delete.html", _("Delete"), schedule=schedule, has_runs=bool(kept))


@bp.post("/<int:schedule_id>/delete")
@requires("operate")
def delete(schedule_id: int) -> Response:
    now = viewer.now()
    toast_done(_("Deleted"), schedules.delete(schedule_id, current_user.name, now), now)
    return go_to(url_for(".index"))


@bp.post("/<int:schedule_id>/undelete")
@requires("operate")
def undelete(schedule_id: int) -> Response:
    toast_done(_("Brought back"), schedules.undelete(schedule_id, current_user.name, viewer.now()).name)
    return go_to(address_of(schedule_id))


def _switch(schedule_id: int, on: bool, note: str) -> None:
    by, now = current_user.name, viewer.now()
    change = schedules.enable if on else schedules.disable
    before = schedules.get(schedule_id).version
    row = change(schedule_id, by, now, note)
    if row.version != before:
        undo_at = now if permits.may_run(row.task_name, row.app) else None
        toast_done(_("Turned on") if on else _("Turned off"), row.name, undo_at)


def _overlap_question(schedule_id: int, why: str = "") -> str:
    schedule = schedules.get(schedule_id)
    return question("schedules/_run.html", _("Run now"), schedule=schedule, why=why, choices=OVERLAP_WORDS)


def _ask_overlap(schedule_id: int, why: str) -> Any:
    """The question that an unfinished run raises: a dialog for htmx (which swaps no 409), else a page."""
    asked = _overlap_question(schedule_id, why)
    if not wants_fragment():
        return asked, 409
    return asked, {"HX-Retarget": "#dialog", "HX-Reswap": "innerHTML"}


def _row_or_back(schedule_id: int) -> Any:
    """The line as it is now for the list's own buttons, which are sent by htmx; else back to the page."""
    if not wants_fragment():
        return back(address_of(schedule_id))
    return render_template("schedules/_switched.html", **listing.row_context(schedules.get(schedule_id)))
