"""The line of a queue for people: its messages, with what the history knows of their runs."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from flask_babel import gettext as _
from sqlalchemy import select

from app import broker, catalog, lists
from app.broker import Held, Message
from app.errors import NotFound
from app.extensions import db
from app.queues.details import Queue
from app.queues.forecast import Forecast, seconds_ahead
from app.queues.rates import Rates
from app.queues.sites import Site
from app.runs import Run

HELD_SPAN = 200  # so far before its old place a held run is looked for
BODY_LIMIT_BYTES = 100_000  # a page may hold two hundred of them; the run's own page shows more


@dataclass(frozen=True)
class Waiting:
    """One run that waits or is held. `args` and `kwargs` are masked; None: `unread` says why not shown."""

    message: Message
    args: list[Any] | None
    kwargs: dict[str, Any] | None
    sent_at: datetime | None
    at: datetime
    requested_by: str | None = None
    schedule_id: int | None = None
    parent_id: str | None = None
    recorded: bool = False
    held: Held | None = None
    starts_at: datetime | None = None

    @property
    def id(self) -> str:
        return self.message.id

    @property
    def task_name(self) -> str | None:
        return self.message.task_name

    @property
    def priority(self) -> int:
        return self.message.priority

    @property
    def position(self) -> int | None:
        return self.message.position

    @property
    def unread(self) -> str:
        return self.message.unread

    @property
    def foreign(self) -> bool:
        return self.message.foreign

    @property
    def origin(self) -> str | None:
        return self.message.origin

    @property
    def waited_seconds(self) -> float | None:
        return None if self.sent_at is None else max(0.0, (self.at - self.sent_at).total_seconds())


def line(queue: Queue, offset: int, limit: int) -> list[Waiting]:
    """`limit` runs of the line from `offset` (0 = the next), in the order in which they will be taken."""
    messages = broker.page(queue.name, offset, limit, BODY_LIMIT_BYTES)
    return _joined(messages, queue.at, _starts(queue, messages))


def held(queue: Queue, offset: int, limit: int) -> list[Waiting]:
    """Held runs, those that are held longest first."""
    return held_of(queue, broker.held(queue.name, offset, limit))


def begin_at(queue: str, cursor: str | None, held: bool = False) -> int:
    """How many runs come before the page at a cursor; behind a run that has gone the line begins anew.

    For a worker that took it has taken all before it.
    """

    def behind(count: int, run_id: str) -> int:
        if not held:
            message = broker.find(queue, run_id, count)
            return (message and message.position) or 0
        begin = max(0, count - HELD_SPAN)
        near = [fact.message.id for fact in broker.held(queue, begin, count - begin)]
        return begin + near.index(run_id) + 1 if run_id in near else 0

    return lists.begin_at(cursor, behind)


def waiting_of(queue: Queue, messages: Sequence[Message]) -> list[Waiting]:
    """The runs of some messages, wherever in the line each stands."""
    starts: dict[str, datetime] = {}
    for message in messages:
        starts |= _starts(queue, [message])
    return _joined(messages, queue.at, starts)


def held_of(queue: Queue, facts: Sequence[Held]) -> list[Waiting]:
    """The runs of some held messages."""
    joined = _joined([fact.message for fact in facts], queue.at, {})
    return [replace(run, held=fact) for run, fact in zip(joined, facts, strict=True)]


def find_waiting(queue: Queue, run_id: str, hint: int | None = None) -> Waiting:
    """One run that waits in the queue or is held; raises `NotFound`."""
    message = broker.find(queue.name, run_id, hint)
    if message is not None:
        return _joined([message], queue.at, _starts(queue, [message]))[0]
    fact = broker.find_held(queue.name, run_id)
    if fact is None:
        raise _not_there(run_id)
    return replace(_joined([fact.message], queue.at, {})[0], held=fact)


def find_message(queue: str, run_id: str, hint: int | None, site: Site) -> Message:
    """The message of a run that waits in a queue, ours or another app's; raises `NotFound`."""
    with site.at():
        message = broker.find(queue, run_id, hint)
    if message is None:
        raise _not_there(run_id)
    return message


def _not_there(run_id: str) -> NotFound:
    return NotFound(_("%(id)s does not wait in this queue.", id=run_id[:80]))


def tasks_at_front(queue: str, most: int) -> dict[str, int]:
    """How many of the next `most` runs are of each task, the most frequent first; "" for foreign messages."""
    counts: dict[str, int] = {}
    for message in broker.page(queue, 0, most, body_limit=0):
        name = message.task_name or ""
        counts[name] = counts.get(name, 0) + 1
    return dict(sorted(counts.items(), key=lambda item: -item[1]))


def _starts(queue: Queue, messages: Sequence[Message]) -> dict[str, datetime]:
    """The likely start of each."""
    starts: dict[str, datetime] = {}
    if not messages or not queue.taking:
        return starts
    ahead = (messages[0].position or 1) - 1
    seconds = seconds_ahead(queue.service_rate, ahead, queue.next_tasks() if ahead else [])
    forecast, rates = Forecast(queue.service_rate, queue.taking, queue.at), Rates(queue.taking, queue.at)
    nexts = queue.next_tasks() if ahead else []
    before = {name: nexts.count(name) * ahead / len(nexts) for name in {*nexts}}
    passed = rates.passed(nexts) * ahead / len(nexts) if nexts else 0
    for message in messages:
        at = forecast.start(max(0, ahead - round(passed)), seconds)
        allowed = rates.start(message.task_name, before.get(message.task_name, 0))
        before[message.task_name] = before.get(message.task_name, 0) + 1
        moments = [moment for moment in (at, allowed, message.eta) if moment is not None]
        if at is not None or allowed is not None:
            starts[message.id] = max(moments)
        if allowed is not None and allowed > (at or queue.at):
            continue  # others go past it
        ahead += 1
        seconds += queue.service_rate.seconds_of(message.task_name)
    return starts


def _joined(messages: Sequence[Message], now: datetime, starts: dict[str, datetime]) -> list[Waiting]:
    columns = (Run.id, Run.requested_by, Run.schedule_id, Run.parent_id, Run.sent_at, Run.created_at)
    query = select(*columns).where(Run.id.in_([message.id for message in messages]))
    known = {row.id: row for row in db.session.execute(query)}
    joined = []
    for message in messages:
        row = known.get(message.id)
        args, kwargs = _masked(message)
        joined.append(
            Waiting(
                message=message,
                args=args,
                kwargs=kwargs,
                sent_at=message.sent_at or (row and (row.sent_at or row.created_at)) or None,
                at=now,
                requested_by=row.requested_by if row else None,
                schedule_id=row.schedule_id if row else None,
                parent_id=row.parent_id if row else message.parent_id,
                recorded=row is not None,
                starts_at=starts.get(message.id),
            )
        )
    return joined


def _masked(message: Message) -> tuple[list[Any] | None, dict[str, Any] | None]:
    if message.args is None or message.kwargs is None:
        return None, None
    info = catalog.lookup(message.task_name or "")
    args, kwargs = catalog.hide(info, message.args, message.kwargs)
    return args, kwargs
