"""Why a run waits: the first cause that holds, as a code for programs and a sentence for people."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from flask_babel import format_datetime, ngettext
from flask_babel import gettext as _

from app import broker, catalog
from app.broker import Message
from app.queues import forecast
from app.queues.forecast import Consumer
from app.queues.rates import Rates
from app.runs import states
from app.runs.models import Run
from celeriac_agent.settings import OWN_APP

LOST_AFTER = timedelta(seconds=30)  # until then a message that is nowhere is on its way


@dataclass(frozen=True)
class Cause:
    """One thing that a run waits for, as a heading and what is to be said of it."""

    title: str
    more: str = ""


@dataclass(frozen=True)
class Diagnosis:
    """`reason` is a stable code; `ahead` counts the runs that go first.

    `ahead` and `estimated_start` are None where they are not known. `ruled_out` says what is not the cause.
    `causes` tell `detail` one by one; empty where it is but one sentence.
    """

    reason: str
    detail: str
    ahead: int | None = None
    estimated_start: datetime | None = None
    ruled_out: list[str] = field(default_factory=list)
    causes: list[Cause] = field(default_factory=list)


def diagnose(run: Run, consumers: Sequence[Consumer], now: datetime, hint: int | None = None) -> Diagnosis:
    """Why the run is not running at `now`; `consumers` are the known workers. Raises `BrokerUnavailable`.

    `hint` is the position where it was last seen, which spares a search of the line.
    """
    if run.is_finished:
        return Diagnosis("finished", _("It has finished."))
    if run.state in states.RUNNING:
        return by_state(run.state)
    if run.state == states.SCHEDULED and run.outbox is not None:
        return later(run)
    held = broker.find_held(run.queue or "", run.id)
    if held:
        return Diagnosis("held", _held(held))
    if run.state in (states.SCHEDULED, states.RETRY) and (run.eta_at is None or run.eta_at > now):
        return later(run)
    if not broker.capabilities().reading:
        return _unseen(run, consumers, now)
    message = broker.find(run.queue or "", run.id, hint)
    if message is None:
        return _nowhere(run, consumers, now)
    return _in_line(run, message, consumers, now)


def by_state(state: str) -> Diagnosis:
    """What the state says by itself, where no more is known."""
    known = states.of(state)
    return Diagnosis(known.code, str(known.meaning))


def later(run: Run) -> Diagnosis:
    """Of a run whose time has not come, or that is tried again."""
    return _scheduled(run) if run.state == states.SCHEDULED else _retrying(run)


def _scheduled(run: Run) -> Diagnosis:
    due_at = run.eta_at or run.send_at
    if due_at is None:
        return by_state(run.state)
    return Diagnosis("scheduled", _("Its time comes at %(at)s.", at=clock(due_at)), estimated_start=due_at)


def _retrying(run: Run) -> Diagnosis:
    if run.eta_at is None:
        return by_state(run.state)
    sentence = _("The last attempt failed; it is tried again at %(at)s.", at=clock(run.eta_at))
    return Diagnosis("retry", sentence, estimated_start=run.eta_at)


def _in_line(run: Run, message: Message, consumers: Sequence[Consumer], now: datetime) -> Diagnosis:
    queue, ahead = message.queue, (message.position or 1) - 1
    ruled_out: list[str] = []
    if obstacle := _obstacle(queue, consumers, ruled_out):
        return replace(obstacle, ahead=ahead)
    taking = _taking(queue, consumers)
    likely, rates = forecast.shared_rates(now).get(queue, forecast.ServiceRate()), Rates(taking, now)
    page = broker.page(queue, 0, min(ahead, forecast.SAMPLED_AHEAD), body_limit=0) if ahead else []
    nexts = [message_ahead.task_name for message_ahead in page]
    same = round(nexts.count(message.task_name) * ahead / len(nexts)) if nexts else 0
    passed = round(rates.passed(nexts) * ahead / len(nexts)) if nexts else 0
    allowed = rates.start(message.task_name, same)
    if passed:
        ahead -= passed
        nexts = [name for name in nexts if not rates.waits(name)]
        ruled_out.append(_others_wait(passed))
    seconds = forecast.seconds_ahead(likely, ahead, nexts)
    starts = forecast.estimated_start(likely, ahead, seconds, taking, now)
    if allowed is not None and allowed > (starts or now):
        return _rate_limited(rates.words(message.task_name), same, allowed, ruled_out)
    diagnosis = _behind_others(message, ahead, taking)
    return replace(diagnosis, estimated_start=starts, ruled_out=ruled_out)


def _others_wait(count: int) -> str:
    return str(
        ngettext(
            "%(num)s run before it waits for its task's rate limit, which holds up nothing else.",
            "%(num)s runs before it wait for their task's rate limit, which holds up nothing else.",
            count,
        )
    )


def _rate_limited(limit: str, same: int, starts: datetime, ruled_out: list[str]) -> Diagnosis:
    rule = _("Its task has a rate limit: %(limit)s on each worker.", limit=limit)
    first = ngettext("%(num)s run of it goes first.", "%(num)s runs of it go first.", same) if same else ""
    when = _("It may start at %(at)s.", at=clock(starts))
    detail = " ".join(filter(None, [rule, first, when]))
    return Diagnosis("rate-limited", detail, same, starts, ruled_out=ruled_out)


def _taking(queue: str, consumers: Sequence[Consumer]) -> list[Consumer]:
    return [worker for worker in consumers if worker.online and worker.taking and queue in worker.queues]


def _obstacle(queue: str, consumers: Sequence[Consumer], ruled_out: list[str]) -> Diagnosis | None:
    """What keeps the whole queue from moving; what does not is added to `ruled_out`."""
    ruled_out.append(_("It is not held, and its time has come."))
    if pause := broker.paused([queue]).get(queue):
        return Diagnosis("paused", _paused(pause), ruled_out=ruled_out)
    ruled_out.append(_("The queue is not paused."))
    listening = [worker for worker in consumers if worker.online and queue in worker.queues]
    if not listening:
        return Diagnosis("no-worker", _nobody(queue, consumers), ruled_out=ruled_out)
    taking = _taking(queue, consumers)
    if not taking:
        names = ", ".join(worker.hostname for worker in listening)
        words = _(
            "Every worker that listens to %(queue)s is paused or about to stop: %(names)s.",
            queue=queue,
            names=names,
        )  # fmt: skip -- one argument a line says no more
        return Diagnosis("workers-paused", words, ruled_out=ruled_out)
    ruled_out.append(
        ngettext("%(num)s worker takes runs from it.", "%(num)s workers take runs from it.", len(taking))
    )
    return None


def _behind_others(message: Message, ahead: int, taking: Sequence[Consumer]) -> Diagnosis:
    first, urgent, equal = _first(message, ahead)
    causes = [Cause(_heading(first), " ".join(filter(None, [urgent, equal])))]
    words = _("%(first)s %(more)s", first=first, more=urgent) if urgent else first
    if full := all_busy(message.queue, taking):
        slots = sum(worker.slots for worker in taking)
        causes.insert(0, Cause(ngettext("The only slot is busy", "All %(num)s slots are busy", slots)))
        return Diagnosis("busy", _("%(full)s %(first)s", full=full, first=words), ahead, causes=causes)
    return Diagnosis("next" if not ahead else "behind-others", words, ahead, causes=causes)


def _heading(sentence: str) -> str:
    return sentence.rstrip(".。")


def all_busy(queue: str, taking: Sequence[Consumer]) -> str:
    """That every slot is busy; empty when one is free."""
    slots = sum(worker.slots for worker in taking)
    if sum(min(worker.slots, len(worker.running)) for worker in taking) < slots:
        return ""
    return str(
        ngettext(
            "The only slot for the queue %(queue)s is busy.",
            "All %(num)s slots for the queue %(queue)s are busy.",
            slots,
            queue=queue,
        )
    )


def _first(message: Message, ahead: int) -> tuple[str, str, str]:
    """Who goes first: all, those of a higher priority, and those before it of the same; "" for none."""
    if not ahead:
        return _("It is the next one."), "", ""
    first = ngettext("%(num)s run goes first.", "%(num)s runs go first.", ahead)
    levels = broker.by_priority(message.queue)
    urgent = min(ahead, sum(count for priority, count in levels.items() if priority > message.priority))
    higher = ngettext("%(num)s has a higher priority.", "%(num)s have a higher priority.", urgent)
    equal = ngettext(
        "%(num)s has the same priority and stands before it.",
        "%(num)s have the same priority and stand before it.",
        ahead - urgent,
    )
    return str(first), str(higher) if urgent else "", str(equal) if ahead > urgent else ""


def _nowhere(run: Run, consumers: Sequence[Consumer], now: datetime) -> Diagnosis:
    """The message is in no line of its queue: not sent yet, with a worker, in another queue, or lost."""
    if diagnosis := _unsent_or_at_work(run, consumers, now):
        return diagnosis
    queues = {run.queue or "", *(queue for worker in consumers for queue in worker.queues)} - {""}
    location = broker.locate(run.id, sorted(queues))
    if location and location.where == "waiting":
        return _in_line(run, location.message, consumers, now)
    if (location and location.where == "taken") or run.state == states.RECEIVED:
        return _with_worker(run, consumers)
    return _vanished(run, now)


def _unsent_or_at_work(run: Run, consumers: Sequence[Consumer], now: datetime) -> Diagnosis | None:
    if run.outbox is not None and run.send_at is not None and run.send_at <= now:
        return Diagnosis(
            "not-sent", _("The broker did not take it yet. It is kept, and sent again by itself in a moment.")
        )
    if running := _at_work(run, consumers):
        return Diagnosis("running", _("It runs on %(name)s; the history follows.", name=running.hostname))
    return None


def _unseen(run: Run, consumers: Sequence[Consumer], now: datetime) -> Diagnosis:
    """RabbitMQ tells how much waits, not what."""
    if diagnosis := _unsent_or_at_work(run, consumers, now):
        return diagnosis
    if run.state == states.RECEIVED or broker.is_out(run.id, []):
        return _with_worker(run, consumers)
    queue, ruled_out = run.queue or "", list[str]()
    waiting = broker.depth(queue)
    if not waiting:
        return _vanished(run, now)
    if obstacle := _obstacle(queue, consumers, ruled_out):
        return obstacle
    first = ngettext(
        "It is the only one that waits in RabbitMQ.",
        "It waits in RabbitMQ, at most %(ahead)s ahead; their order cannot be seen.",
        waiting,
        ahead=waiting - 1,
    )
    full = all_busy(queue, _taking(queue, consumers))
    words = _("%(full)s %(first)s", full=full, first=first) if full else first
    return Diagnosis("busy" if full else "behind-others", words, ruled_out=ruled_out)


def _vanished(run: Run, now: datetime) -> Diagnosis:
    if _is_of_others(run):
        return Diagnosis(
            "elsewhere",
            _(
                "Another Celery app sent it, and its message is not in Celeriac's broker: the workers of "
                "that app take it. Celeriac hears of it when they do."
            ),
        )
    known_at = max(run.sent_at or run.created_at, run.updated_at)
    if now - known_at < LOST_AFTER:
        return Diagnosis("taken", _("A worker is just taking it."))
    return Diagnosis(
        "lost",
        _(
            "Its message is in no queue and no worker has it: somebody removed it, or the broker lost it. "
            "It will not run; cancel it, then retry it."
        ),
    )


def _is_of_others(run: Run) -> bool:
    """Whether it was only heard of, and is a task that nobody here knows."""
    is_ours = run.requested_by is not None or run.schedule_id is not None
    return not is_ours and catalog.lookup(run.task_name, OWN_APP) is None


def _with_worker(run: Run, consumers: Sequence[Consumer]) -> Diagnosis:
    name = run.worker
    if name and any(worker.hostname == name and not worker.online for worker in consumers):
        words = _(
            "%(worker)s took it and has been silent since. It is put back in under a minute.", worker=name
        )
        return Diagnosis("worker-silent", words)
    if name:
        words = _("%(worker)s has it and starts it when one of its slots is free.", worker=name)
        return Diagnosis("received", words)
    return by_state(states.RECEIVED)


def _at_work(run: Run, consumers: Sequence[Consumer]) -> Consumer | None:
    return next(
        (
            worker
            for worker in consumers
            if worker.online and any(item.get("id") == run.id for item in worker.running)
        ),
        None,
    )


def _nobody(queue: str, consumers: Sequence[Consumer]) -> str:
    listened = sorted({name for worker in consumers if worker.online for name in worker.queues})
    if not listened:
        return _("No worker is online, so nothing takes runs from the queue %(queue)s.", queue=queue)
    return _(
        "No worker that is online listens to the queue %(queue)s; they listen to %(names)s.",
        queue=queue,
        names=", ".join(listened),
    )


def _held(held: broker.Held) -> str:
    if held.by_mode:
        return _(
            "%(name)s lets the queue hold everything new. It waits until somebody releases it.", name=held.by
        )
    if held.reason:
        return _(
            "%(name)s set it aside: %(reason)s. It waits until somebody releases it.",
            name=held.by,
            reason=held.reason.rstrip("."),
        )
    return _("%(name)s set it aside. It waits until somebody releases it.", name=held.by)


def _paused(pause: broker.Pause) -> str:
    queue, name, at = pause.queue, pause.by, clock(pause.at)
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


def clock(moment: datetime) -> str:
    """A moment as sentences tell it."""
    return str(format_datetime(moment, _("EEE d MMM, HH:mm:ss")))
