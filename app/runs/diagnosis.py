"""Why a run waits: the first cause that holds, as a code for programs and a sentence for people."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from flask_babel import format_datetime, ngettext
from flask_babel import gettext as _

from app import broker
from app.runs import states
from app.runs.models import Run


class Consumer(Protocol):
    """What is asked of a worker: whether it is there, what it listens to and how much of it is free."""

    @property
    def online(self) -> bool: ...
    @property
    def slots(self) -> int: ...
    @property
    def queues(self) -> Sequence[str]: ...
    @property
    def running(self) -> Sequence[object]: ...


@dataclass(frozen=True)
class Diagnosis:
    """`reason` is a stable code; `ahead` counts the runs that go first.

    `ahead` and `estimated_start` are None where they are not known.
    """

    reason: str
    detail: str
    ahead: int | None = None
    estimated_start: datetime | None = None


def diagnose(run: Run, consumers: Sequence[Consumer], now: datetime) -> Diagnosis:
    """Why the run is not running at `now`; `consumers` are the known workers. Raises `BrokerUnavailable`."""
    if run.is_finished:
        return Diagnosis("finished", _("It has finished."))
    if run.state in states.RUNNING:
        return Diagnosis("running", _("It is running."))
    if run.state == states.SCHEDULED:
        return _scheduled(run)
    if run.state == states.RETRY:
        return _retrying(run)
    if run.state == states.RECEIVED:
        return _received(run)
    return _in_line(run, consumers, now)


def _scheduled(run: Run) -> Diagnosis:
    due_at = run.eta_at or run.send_at
    if due_at is None:
        return Diagnosis("scheduled", _("Its time has not come yet."))
    return Diagnosis("scheduled", _("Its time comes at %(at)s.", at=_clock(due_at)), estimated_start=due_at)


def _retrying(run: Run) -> Diagnosis:
    if run.eta_at is None:
        return Diagnosis("retry", _("The last attempt failed; it will be tried again."))
    sentence = _("The last attempt failed; it is tried again at %(at)s.", at=_clock(run.eta_at))
    return Diagnosis("retry", sentence, estimated_start=run.eta_at)


def _received(run: Run) -> Diagnosis:
    if run.worker:
        sentence = _("%(worker)s has it and starts it when one of its slots is free.", worker=run.worker)
        return Diagnosis("received", sentence)
    return Diagnosis("received", _("A worker has it and starts it when a slot is free."))


def _in_line(run: Run, consumers: Sequence[Consumer], now: datetime) -> Diagnosis:
    queue = run.queue or ""
    if held := broker.find_held(queue, run.id):
        return Diagnosis("held", _held(held))
    place = broker.position(queue, run.id)
    if place is None and run.outbox is not None and run.send_at is not None and run.send_at <= now:
        return Diagnosis(
            "not-sent", _("The broker did not take it yet. It is kept, and sent again by itself in a moment.")
        )
    if pause := broker.paused([queue]).get(queue):
        return Diagnosis("paused", _paused(pause), _ahead(place))
    listening = [one for one in consumers if one.online and queue in one.queues]
    if not listening:
        return Diagnosis(
            "no-worker",
            _("No worker that is online listens to the queue %(queue)s.", queue=queue),
            _ahead(place),
        )
    if place is None:
        return Diagnosis("taken", _("A worker is just taking it."))
    return _behind_others(queue, place - 1, listening)


def _behind_others(queue: str, ahead: int, listening: Sequence[Consumer]) -> Diagnosis:
    slots = sum(one.slots for one in listening)
    busy = sum(min(one.slots, len(one.running)) for one in listening)
    first = (
        ngettext("%(num)s run goes first.", "%(num)s runs go first.", ahead)
        if ahead
        else _("It is the next one.")
    )
    if busy < slots:
        return Diagnosis("next", first, ahead)
    full = ngettext(
        "The only slot for the queue %(queue)s is busy.",
        "All %(num)s slots for the queue %(queue)s are busy.",
        slots,
        queue=queue,
    )  # fmt: skip -- one argument a line says no more
    return Diagnosis("busy", _("%(full)s %(first)s", full=full, first=first), ahead)


def _held(held: broker.Held) -> str:
    if held.reason:
        return _(
            "%(name)s set it aside: %(reason)s. It waits until somebody releases it.",
            name=held.by,
            reason=held.reason.rstrip("."),
        )
    return _("%(name)s set it aside. It waits until somebody releases it.", name=held.by)


def _paused(pause: broker.Pause) -> str:
    queue, name, at = pause.queue, pause.by, _clock(pause.at)
    if pause.note:
        note = pause.note.rstrip(".")
        return _(
            "The queue %(queue)s is paused by %(name)s since %(at)s: %(note)s.",
            queue=queue,
            name=name,
            at=at,
            note=note,
        )
    return _("The queue %(queue)s is paused by %(name)s since %(at)s.", queue=queue, name=name, at=at)


def _ahead(place: int | None) -> int | None:
    return None if place is None else place - 1


def _clock(moment: datetime) -> str:
    return str(format_datetime(moment, _("EEE d MMM, HH:mm:ss")))
