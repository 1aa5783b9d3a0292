"""What is done to one run that waits, in a queue of our own or of another app's; both have these pages."""

from collections.abc import Callable
from typing import Any

from flask import Blueprint, request, url_for
from flask_babel import gettext as _
from flask_login import current_user
from werkzeug.wrappers import Response

from app import broker, queues
from app.pages.queues import forms
from app.pages.queues.blueprint import back_to, site_of, toast_done
from app.queues import MessageChange
from app.web import viewer
from app.web.filters import last_part
from app.web.permissions import requires

Answer = Callable[[str, str | None], Any]


def register(bp: Blueprint, prefix: str, answer: Answer) -> None:
    """The addresses below that of a queue; `name` in it is that of the broker, if it is another app's.

    `answer` gives the page after a change, from the queue's name and the broker's.
    """
    acts: dict[str, Callable[[str, str | None], Response | None]] = {
        "move": move,
        "place": place,
        "priority": priority,
        "send": send,
        "send-back": send_back,
        "hold": hold,
        "release": release,
    }
    for path, act in acts.items():
        bp.add_url_rule(f"{prefix}/{path}", act.__name__, _answered(act, answer), methods=["POST"])


def _answered(act: Callable[[str, str | None], Response | None], answer: Answer) -> Callable[..., Any]:
    @requires("operate")
    def view(queue: str, name: str | None = None) -> Any:
        return act(queue, name) or answer(queue, name)

    return view


def move(queue: str, name: str | None) -> None:
    """One place up or down, to an end, to a place, or beside another run, as it is dragged."""
    run_id, step, now = forms.run_id(), request.form.get("step"), viewer.now()
    where: Any = {"hint": forms.optional_number("hint"), "site": site_of(name)}
    if step in ("up", "down"):
        change = queues.nudge(queue, run_id, now, step == "up", **where)
    else:
        change = queues.move(queue, run_id, now, **forms.place(), **where)
    title = _("Moved to position %(n)s of %(all)s", n=change.after.position, all=_depth(queue, name))
    _toast_undoable(queue, name, title, _name(change), change)


def place(queue: str, name: str | None) -> None:
    """Undo of a move or of a change of priority."""
    position, level = forms.number("position", 1, 10**9), forms.number("priority", 0, 9)
    change = queues.undo_move(queue, forms.run_id(), position, level, viewer.now(), site_of(name))
    toast_done(_("Undone"), _where(queue, name, change))


def priority(queue: str, name: str | None) -> None:
    level, hint = forms.number("priority", 0, 9), forms.optional_number("hint")
    change = queues.reprioritise(queue, forms.run_id(), level, viewer.now(), hint, site_of(name))
    title = _("Priority is now %(n)s", n=change.after.priority)
    _toast_undoable(queue, name, title, _where(queue, name, change), change)


def send(queue: str, name: str | None) -> None:
    target, hint = request.form.get("queue", ""), forms.optional_number("hint")
    change = queues.send_to(queue, forms.run_id(), target, viewer.now(), hint, site_of(name))
    title, undo = _("Sent to the queue %(name)s", name=target), url_for(".send_back", name=name, queue=target)
    old = {"id": change.after.id, "queue": queue, "position": change.old_position or ""}
    toast_done(title, _name(change), undo, **old)


def send_back(queue: str, name: str | None) -> Response:
    """Undo of sending a run to another queue."""
    home, run_id, position = request.form.get("queue", ""), forms.run_id(), forms.optional_number("position")
    change = queues.send_to(queue, run_id, home, viewer.now(), site=site_of(name))
    if position:
        change = queues.undo_move(home, run_id, position, None, viewer.now(), site_of(name))
    toast_done(_("Undone"), _where(home, name, change))
    return back_to(home, name)


def hold(queue: str, name: str | None) -> None:
    hint, by = forms.optional_number("hint"), current_user.name
    change = queues.hold(queue, forms.run_id(), by, forms.note(), viewer.now(), hint, site_of(name))
    old = {"id": change.after.id, "position": change.old_position or ""}
    undo = url_for(".release", name=name, queue=queue)
    toast_done(_("Held until somebody releases it"), _name(change), undo, **old)


def release(queue: str, name: str | None) -> None:
    to, position = forms.end(), forms.optional_number("position")
    change = queues.release(queue, forms.run_id(), viewer.now(), to, position, site_of(name))
    undo = url_for(".hold", name=name, queue=queue)
    toast_done(_("Released"), _where(queue, name, change), undo, id=change.after.id)


def _toast_undoable(queue: str, name: str | None, title: str, text: str, change: MessageChange) -> None:
    old = change.before
    if old is None or old.position is None:
        toast_done(title, text)
        return
    undo = url_for(".place", name=name, queue=queue)
    toast_done(title, text, undo, id=old.id, position=old.position, priority=old.priority)


def _name(change: MessageChange) -> str:
    return last_part(change.after.task_name or change.after.id)


def _where(queue: str, name: str | None, change: MessageChange) -> str:
    task, position = _name(change), change.after.position
    if position is None:
        return task
    return _("%(task)s, position %(n)s of %(all)s", task=task, n=position, all=_depth(queue, name))


def _depth(queue: str, name: str | None) -> int:
    with site_of(name).at():
        return broker.depth(queue)
