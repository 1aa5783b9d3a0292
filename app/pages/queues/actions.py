"""What the Queues pages do to single runs and to chosen ones."""

from collections.abc import Sequence
from typing import Any

from flask import render_template, request, url_for
from flask_babel import gettext as _
from flask_babel import ngettext
from flask_login import current_user

from app import broker, queues
from app.bulk import Result
from app.errors import Invalid
from app.pages.queues import forms
from app.pages.queues.blueprint import back_to, bp, toast_done
from app.pages.queues.detail import shown
from app.queues import MessageChange
from app.web import viewer
from app.web.dialogs import question
from app.web.filters import last_part
from app.web.htmx import go_to, wants_fragment
from app.web.permissions import requires
from app.web.toasts import toast_results


@bp.post("/<queue>/move")
@requires("operate")
def move(queue: str) -> Any:
    run_id, hint, step = forms.run_id(), forms.optional_number("hint"), request.form.get("step")
    if step in ("up", "down"):
        change = queues.nudge(queue, run_id, viewer.now(), step == "up", hint)
    else:
        change = queues.move(queue, run_id, viewer.now(), hint=hint, **forms.place())
    _toast_moved(queue, change)
    return _answer(queue)


@bp.post("/<queue>/place")
@requires("operate")
def place(queue: str) -> Any:
    """Undo of a move or of a change of priority."""
    position, priority = forms.number("position", 1, 10**9), forms.number("priority", 0, 9)
    change = queues.undo_move(queue, forms.run_id(), position, priority, viewer.now())
    toast_done(_("Undone"), _where(queue, change))
    return _answer(queue)


@bp.get("/<queue>/place")
@requires("operate")
def ask_place(queue: str) -> str:
    details = queues.find(queue, viewer.now())
    run = queues.find_waiting(details, request.args.get("id", ""), forms.optional_number("hint"))
    nearby = queues.line(details, 0, forms.PAGE_SIZE)
    return question("queues/_place.html", _("Move to a place"), queue=details, run=run, nearby=nearby)


@bp.post("/<queue>/priority")
@requires("operate")
def priority(queue: str) -> Any:
    change = queues.reprioritise(queue, forms.run_id(), forms.number("priority", 0, 9), viewer.now())
    title = _("Priority is now %(n)s", n=change.after.priority)
    _toast_undoable(queue, title, _where(queue, change), change)
    return _answer(queue)


@bp.post("/<queue>/send")
@requires("operate")
def send(queue: str) -> Any:
    target = request.form.get("queue", "")
    change = queues.send_to(queue, forms.run_id(), target, viewer.now())
    toast_done(
        _("Sent to the queue %(name)s", name=target),
        _name(change),
        undo=url_for("queues.send_back", queue=target),
        id=change.after.id,
        queue=queue,
        position=change.old_position or "",
    )
    return _answer(queue)


@bp.post("/<queue>/send-back")
@requires("operate")
def send_back(queue: str) -> Any:
    """Undo of sending a run to another queue."""
    home, run_id, position = request.form.get("queue", ""), forms.run_id(), forms.optional_number("position")
    change = queues.send_to(queue, run_id, home, viewer.now())
    if position:
        change = queues.undo_move(home, run_id, position, None, viewer.now())
    toast_done(_("Undone"), _where(home, change))
    return back_to(home)


@bp.post("/<queue>/hold")
@requires("operate")
def hold(queue: str) -> Any:
    hint = forms.optional_number("hint")
    change = queues.hold(queue, forms.run_id(), current_user.name, forms.note(), viewer.now(), hint)
    address = url_for("queues.release", queue=queue)
    position = change.old_position or ""
    toast_done(
        _("Held until somebody releases it"),
        _name(change),
        undo=address,
        id=change.after.id,
        position=position,
    )
    return _answer(queue)


@bp.get("/<queue>/hold")
@requires("operate")
def ask_hold(queue: str) -> str:
    details = queues.find(queue, viewer.now())
    run = queues.find_waiting(details, request.args.get("id", ""), forms.optional_number("hint"))
    return question("queues/_hold.html", _("Hold a run"), queue=details, run=run)


@bp.post("/<queue>/release")
@requires("operate")
def release(queue: str) -> Any:
    to, position = forms.end(), forms.optional_number("position")
    change = queues.release(queue, forms.run_id(), viewer.now(), to, position)
    toast_done(
        _("Released"), _where(queue, change), undo=url_for("queues.hold", queue=queue), id=change.after.id
    )
    return _answer(queue)


@bp.post("/<queue>/bulk")
@requires("operate")
def bulk(queue: str) -> Any:
    """Do something with chosen runs, frozen when the page was sent; ask first where it loses something."""
    action, ids = request.form.get("action", ""), request.form.getlist("id")
    if not ids:
        raise Invalid({"id": [_("Choose runs first.")]})
    if action == "remove" and not request.form.get("confirmed"):
        return question(
            "queues/_remove.html", _("Remove"), name=queue, ids=ids[: queues.MOST], run=_only(queue, ids)
        )
    results = queues.apply(queue, ids, action, current_user.name, viewer.now(), **_options(action))
    _toast_bulk(results, action)
    return back_to(queue)


def _options(action: str) -> dict[str, Any]:
    if action == "priority":
        return {"priority": forms.number("priority", 0, 9)}
    return {"target": request.form.get("queue", "")} if action == "send" else {}


def _only(queue: str, ids: list[str]) -> queues.Waiting | None:
    return queues.find_waiting(queues.find(queue, viewer.now()), ids[0]) if len(ids) == 1 else None


def _toast_bulk(results: Sequence[Result], action: str) -> None:
    count = sum(result.done for result in results)
    words = {
        "front": ngettext("%(num)s run moved to the top", "%(num)s runs moved to the top", count),
        "back": ngettext("%(num)s run moved to the bottom", "%(num)s runs moved to the bottom", count),
        "hold": ngettext("%(num)s run is held", "%(num)s runs are held", count),
        "release": ngettext("%(num)s run released", "%(num)s runs released", count),
        "remove": ngettext("%(num)s run removed", "%(num)s runs removed", count),
        "priority": ngettext("Priority of %(num)s run changed", "Priority of %(num)s runs changed", count),
        "send": ngettext("%(num)s run sent on", "%(num)s runs sent on", count),
    }
    toast_results(results, words[action])


def _toast_moved(queue: str, change: MessageChange) -> None:
    waiting = broker.depth(queue)
    title = _("Moved to position %(n)s of %(all)s", n=change.after.position, all=waiting)
    _toast_undoable(queue, title, _name(change), change)


def _toast_undoable(queue: str, title: str, text: str, change: MessageChange) -> None:
    old = change.before
    if old is None or old.position is None:
        toast_done(title, text)
        return
    values = {"id": old.id, "position": old.position, "priority": old.priority}
    toast_done(title, text, undo=url_for("queues.place", queue=queue), **values)


def _name(change: MessageChange) -> str:
    return last_part(change.after.task_name or change.after.id)


def _where(queue: str, change: MessageChange) -> str:
    if change.after.position is None:
        return _name(change)
    return _(
        "%(task)s, position %(n)s of %(all)s",
        task=_name(change),
        n=change.after.position,
        all=broker.depth(queue),
    )


def _answer(queue: str) -> Any:
    """The queue as it is now for htmx, with what is told; else the way back to its page, or to the run's."""
    if request.form.get("from") == "run":
        return go_to(url_for("runs.show", run_id=forms.run_id()))
    if wants_fragment() and request.headers.get("HX-Target", "").endswith("queue"):
        return render_template("queues/_changed.html", **shown(queue))
    return back_to(queue)
