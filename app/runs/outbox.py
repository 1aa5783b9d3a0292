"""Sends messages after their row is committed, and sees to it that each one gets out exactly once."""

import json
import logging
import time
from collections.abc import Collection, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from celery.result import denied_join_result
from flask_babel import gettext as _
from kombu.exceptions import BatchPublishError, OperationalError
from redis import RedisError
from sqlalchemy import Text, cast, func, select, update
from sqlalchemy.exc import OperationalError as DatabaseAway

from app import broker, catalog
from app.broker import dead_letters
from app.broker.rabbitmq import dedup
from app.broker.transport import publishing_held
from app.celery import elsewhere
from app.clock import utcnow
from app.config import settings
from app.errors import BrokerUnavailable
from app.extensions import celery_app, db, transaction
from app.runs import apps, endings, states
from app.runs.models import Run
from app.runs.statistics import totals
from app.text import storable
from celeriac_agent import recording
from celeriac_agent.settings import OWN_APP

PATIENCE_SECONDS = 5.0
# A sender that was halted for longer leaves the rest: somebody else may look after it by now.
FRESH_SECONDS = PATIENCE_SECONDS / 2
BATCH = 200
REPR_MAX = 1024  # Celery's own limit
BROKER_DOWN = (OperationalError, BatchPublishError, RedisError, OSError)
_MESSAGE = ("id", "task_name", "queue", "priority", "root_id", "app", "outbox")
_READ = (
    *(getattr(Run, name) for name in _MESSAGE[:-1]),
    cast(Run.outbox, Text).label("outbox"),  # as text, so that one row with a broken value fails alone
)
BAD_PAYLOAD = (ValueError, TypeError, KeyError, AttributeError, RecursionError)

logger = logging.getLogger(__name__)


class Message(NamedTuple):
    """What is sent for a run. `expires` is ISO 8601; `ttl_seconds` counts from the sending instead.

    `hold`: it goes among the held ones, `{"by": name, "at": ISO 8601}`.
    """

    id: str
    task_name: str
    args: list[Any]
    kwargs: dict[str, Any]
    queue: str | None
    priority: int | None
    root_id: str | None
    expires: str | None
    ttl_seconds: int | None = None
    hold: dict[str, str] | None = None
    app: str | None = None


@dataclass
class Sent:
    """How many messages went out, and why some never will, by run id. Those in neither are sent later."""

    count: int = 0
    failed: dict[str, str] = field(default_factory=dict)


def payload(
    args: Sequence[Any],
    kwargs: dict[str, Any],
    expires_at: datetime | None,
    ttl_seconds: int | None = None,
    hold: dict[str, str] | None = None,
) -> dict[str, Any]:
    """What a row keeps until its message is known to be out: the real arguments, secrets too."""
    kept = {"args": list(args), "kwargs": kwargs, "expires": expires_at.isoformat() if expires_at else None}
    return kept | ({"ttl_seconds": ttl_seconds} if ttl_seconds else {}) | ({"hold": hold} if hold else {})


def message(row: Mapping[str, Any]) -> Message:
    """The message of a row whose outbox is filled, as JSON's text or read already; raises `BAD_PAYLOAD`."""
    kept = json.loads(row["outbox"]) if isinstance(row["outbox"], str) else row["outbox"]
    if not isinstance(kept["args"], list) or not isinstance(kept["kwargs"], dict):
        raise TypeError("arguments are a list and an object")
    return Message(
        id=row["id"],
        task_name=row["task_name"],
        args=kept["args"],
        kwargs=kept["kwargs"],
        queue=row["queue"],
        priority=row["priority"],
        root_id=row["root_id"],
        expires=kept["expires"],
        ttl_seconds=kept.get("ttl_seconds"),
        hold=kept.get("hold"),
        app=row["app"],
    )


def send(run: Run) -> bool:
    """Publish the message of a committed row; False when it is sent later: the broker does not answer.

    The recorder clears the row's outbox when it reads of the message in the stream.
    """
    if run.app is not None:
        sent = send_many([message({name: getattr(run, name) for name in _MESSAGE})], time.monotonic())
        fail(sent.failed, utcnow())
        return bool(sent.count)
    if _left_alone():
        return False
    try:
        with denied_join_result():  # nobody waits for its result: no subscription, which outlives the broker
            _publish(message({name: getattr(run, name) for name in _MESSAGE}))
    except OperationalError as error:
        logger.warning("run %s is sent later, the broker does not answer: %s", run.id, error)
        return False
    return True


def send_many(messages: Sequence[Message], claimed: float) -> Sent:
    """Publish the messages of committed rows in pipelined batches; `claimed` is when, by the monotonic clock.

    Never raises for the broker or for a message: what could not be sent is sent later by a recorder, what
    never can be is in the answer.
    """
    sent = Sent()
    for app in sorted({message.app for message in messages if message.app is not None}):
        _send_elsewhere(app, [message for message in messages if message.app == app], claimed, sent)
    messages = [message for message in messages if message.app is None]
    if not messages or _left_alone():
        return sent
    for start in range(0, len(messages), BATCH):
        if time.monotonic() - claimed > FRESH_SECONDS:
            logger.warning("%d runs are sent later: this took too long", len(messages) - start)
            break
        try:
            _publish_batch(messages[start : start + BATCH], sent)
        except BROKER_DOWN as error:
            logger.warning("up to %d runs are sent later: %s", len(messages) - start, error)
            break
    return sent


def _send_elsewhere(app: str, messages: Sequence[Message], claimed: float, sent: Sent) -> None:
    """To the workers of another app, one by one; while its broker does not answer the rest is sent later."""
    ids, sent_at = [], utcnow()
    for message in messages:
        if time.monotonic() - claimed > FRESH_SECONDS:
            break
        try:
            apps.send(
                app,
                message.task_name,
                message.queue,
                run_id=message.id,
                args=message.args,
                kwargs=message.kwargs,
                priority=message.priority,
                root_id=message.root_id,
                expires=message.ttl_seconds or message.expires,
            )
        except BROKER_DOWN as error:
            logger.warning("runs of the app %s are sent later, its broker does not answer: %s", app, error)
            break
        except Exception as error:  # what cannot be encoded, and a broker that refuses it
            logger.exception("run %s cannot be sent", message.id)
            sent.failed[message.id] = f"{type(error).__name__}: {error}"
        else:
            ids.append(message.id)
    sent.count += len(ids)
    _settle(ids, sent_at)


def _publish_batch(messages: Sequence[Message], sent: Sent) -> None:
    """Publish in one flush, then note it on the rows themselves: cheaper than an event for each."""
    ids, declared, sent_at = [], set[str | None](), utcnow()  # a worker may be faster than the note
    with (
        recording.publishing_quietly(),
        denied_join_result(),  # nobody waits for these results: no subscription for each
        celery_app.producer_or_acquire() as producer,
        producer.batch(max_size=BATCH * 2),
    ):
        for message in messages:
            try:
                known = {"declare": ()} if message.queue in declared else {}
                _publish(message, producer=producer, **known)
            except BROKER_DOWN:
                raise
            except Exception as error:  # a router or an overridden apply_async is anybody's code
                logger.exception("run %s cannot be sent", message.id)
                sent.failed[message.id] = f"{type(error).__name__}: {error}"
            else:
                ids.append(message.id)
                declared |= {message.queue} - {None}
    sent.count += len(ids)
    try:
        _settle(ids, sent_at)
    except DatabaseAway as error:  # the recorder finds the messages, or what a worker says of them
        logger.warning("%d messages are out, which is noted later: %s", len(ids), error)


def publish(message: Message, copy: str) -> None:
    """Publish a message as a named copy, untold: who asks notes it. Raises kombu's OperationalError."""
    with recording.publishing_quietly(), denied_join_result():
        _publish(message, headers={dedup.HEADER: copy})


def _publish(message: Message, **options: Any) -> None:
    options |= {"task_id": message.id, "root_id": message.root_id}
    # Celery's own way to these takes a tenth of the time of a message.
    options |= {"argsrepr": repr(message.args)[:REPR_MAX], "kwargsrepr": repr(message.kwargs)[:REPR_MAX]}
    options["expires"] = message.ttl_seconds or message.expires
    if message.queue:
        options["queue"] = message.queue
    if message.priority is not None:
        options["priority"] = message.priority
    info = catalog.find(message.task_name, OWN_APP)
    if wrong := catalog.misfit(info, message.args, message.kwargs):
        raise TypeError(wrong)  # as `apply_async` does, which knows the function
    options = _own_options(info) | options
    with _held(message.hold) if message.hold else nullcontext():
        celery_app.send_task(message.task_name, message.args, message.kwargs, **broker.patience(), **options)


def _own_options(info: catalog.TaskInfo) -> dict[str, Any]:
    """What the task's own code says of its messages, as its `apply_async` would send them."""
    limits = {name: getattr(info, name) for name in ("time_limit", "soft_time_limit")}
    own: dict[str, Any] = {**info.options, "queue": info.queue, "priority": info.priority} | limits
    return own | {"serializer": info.serializer, "ignore_result": info.ignore_result}


def _held(hold: dict[str, str]) -> AbstractContextManager[None]:
    return publishing_held(hold["by"], "", datetime.fromisoformat(hold["at"]))


def sweep(now: datetime) -> int:
    """Send what is due and not known to be out; returns how many messages were sent.

    Only call it when the stream is read to its end. Runs for later become due here too. A row whose sender
    died between its commit and its message is found after five seconds; a message that is out already
    (waiting, held or taken) is not sent again.
    """
    due = _due(now)
    out = _out([row for row in due if row.state != states.SCHEDULED])
    settled = [row.id for row in due if row.id in out or row.state not in states.NOT_TAKEN]
    _settle(settled, now)
    return _send_claimed({row.id for row in due} - set(settled), now)


def send_scheduled(now: datetime) -> int:
    """Send runs for later whose time has come; returns how many messages were sent.

    They were never sent before, so nobody has to look for their message: beats do this on time.
    """
    due = (Run.state == states.SCHEDULED, Run.outbox.is_not(None), Run.send_at <= now)
    query = select(Run.id).where(*due).order_by(Run.send_at).limit(BATCH)
    return _send_claimed(set(db.session.scalars(query)), now)


def release(run_ids: Collection[str], now: datetime) -> int:
    """Send buffered runs (see `Run.send_at`); returns how many messages were sent."""
    return _send_claimed(run_ids, now, buffered=True)


def fail(errors: dict[str, str], now: datetime) -> None:
    """Note that messages can never be sent, each with its reason."""
    if not errors:
        return
    values = {"outbox": None, "state": states.FAILURE, "ended_at": now, "updated_at": now}
    with transaction() as session:
        ended = []
        for run_id, error in errors.items():
            waiting = update(Run).where(Run.id == run_id, Run.state.not_in(states.FINISHED))
            failed = waiting.values(error=storable(error), **values)
            if session.connection().execute(failed).rowcount:
                ended.append(run_id)
        endings.note_these(ended)


def _due(now: datetime) -> Sequence[Any]:
    columns = (Run.id, Run.state, Run.queue, Run.app)
    query = select(*columns).where(Run.outbox.is_not(None), Run.send_at <= now)
    return db.session.execute(query.order_by(Run.send_at).limit(BATCH)).all()


def _out(due: Sequence[Any]) -> set[str]:
    """Which of the runs have a message in the broker."""
    ours = [row for row in due if row.app is None]
    queues = {row.queue for row in ours if row.queue} | set(settings().declared_queues)
    out = broker.out([row.id for row in ours], sorted(queues)) if ours else set()
    return out | {row.id for row in due if row.app is not None and _is_out_elsewhere(row)}


def _is_out_elsewhere(row: Any) -> bool:
    """Also while that cannot be known: then it is asked again."""
    if not row.queue or not apps.reachable(row.app):
        return False
    try:
        return elsewhere.is_out(row.app, apps.delivery(row.app), row.id, row.queue)
    except BROKER_DOWN:
        return False


def _left_alone() -> bool:
    """Whether nothing may be sent now: the broker is another app's, or nobody knows yet whether it is."""
    try:
        broker.require_own()
    except (broker.BelongsToAnother, BrokerUnavailable) as error:
        logger.warning("what is to be sent waits: %s", error.detail)
        return True
    return False


def _send_claimed(run_ids: Collection[str], now: datetime, buffered: bool = False) -> int:
    if not run_ids:
        return 0
    claimed, left_alone = time.monotonic(), _left_alone()
    messages, unreadable = _claim(run_ids, now, buffered, left_alone)
    unknown = {
        message.id: f"NotRegistered: this version knows no task named {message.task_name}"
        for message in messages
        if message.app is None and catalog.lookup(message.task_name, OWN_APP) is None
    }
    sent = send_many([message for message in messages if message.id not in unknown], claimed)
    fail(unknown | unreadable | sent.failed, now)
    return sent.count


def _claim(
    run_ids: Collection[str], now: datetime, buffered: bool, elsewhere_only: bool
) -> tuple[list[Message], dict[str, str]]:
    """Take due rows for this process: nobody else looks at them for the next five seconds.

    Returns their messages, and by run id why others never can be sent.
    """
    messages: list[Message] = []
    unreadable: dict[str, str] = {}
    due = Run.send_at.is_(None) if buffered else Run.send_at <= now
    query = select(*_READ).where(
        Run.id.in_(run_ids), Run.outbox.is_not(None), Run.state.in_(states.NOT_TAKEN), due
    )
    if elsewhere_only:
        query = query.where(Run.app.is_not(None))
    patience = now + timedelta(seconds=PATIENCE_SECONDS)
    with transaction() as session:
        rows = session.execute(query.order_by(Run.id).with_for_update(skip_locked=True)).all()
        session.execute(
            update(Run)
            .where(Run.id.in_([row.id for row in rows]))
            .values(send_at=patience, state=states.PENDING, updated_at=now)
            .execution_options(synchronize_session=False)
        )
        for row in rows:
            try:
                messages.append(message(row._asdict()))
            except BAD_PAYLOAD as error:
                why = f"{type(error).__name__}: {error}"
                unreadable[row.id] = _("What was kept of its message cannot be read: %(why)s", why=why)
        if held := [waiting.id for waiting in messages if waiting.hold]:
            session.execute(update(Run).where(Run.id.in_(held)).values(state=states.HELD))
    for run_id, why in unreadable.items():
        logger.error("run %s cannot be sent: %s", run_id, why)
        dead_letters.set_aside(broker.client(), dead_letters.MESSAGE, {"id": run_id}, why)
    return messages, unreadable


def _settle(run_ids: Sequence[str], sent_at: datetime) -> None:
    """Note that messages are out."""
    if not run_ids:
        return
    with transaction() as session:
        settled = session.execute(
            update(Run)
            .where(Run.id.in_(run_ids))
            .values(outbox=None, sent_at=func.coalesce(Run.sent_at, sent_at), updated_at=sent_at)
            .returning(Run.app, Run.task_name, Run.queue, Run.sent_at)
            .execution_options(synchronize_session=False)
        )
        fresh = (row for row in settled if row.sent_at == sent_at)  # nothing had been heard of them
        totals.add(totals.Numbers((*totals.whose(row._asdict()), totals.SENT) for row in fresh))
