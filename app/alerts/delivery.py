"""Messages that wait are delivered: by a run of Celeriac's own where a worker is there, else right here.

A message belongs to who has claimed it, for a while, in SQL: so it is sent once, by however many recorders
and runs there are. Who dies with a claim leaves the message to the next one, which may then come twice.
"""

import logging
from collections import defaultdict
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from typing import Any

from celery.exceptions import SoftTimeLimitExceeded
from flask import Flask, current_app
from flask_babel import gettext as _
from sqlalchemy import or_, select, update

from app import broker, heartbeats, runs
from app.alerts.facts import DELIVERY
from app.alerts.models import FAILED, SENT, WAITING, AlertChannel, AlertMessage
from app.errors import CeleriacError
from app.extensions import db, transaction
from app.library.routes import BESIDE

CLAIMED = timedelta(seconds=120)  # longer than a try can take
HANDED = timedelta(seconds=60)  # a run that has not even begun by then is not waited for
EARLY = timedelta(seconds=5)  # a run comes back by its worker's clock, in whole seconds
BACK_OFF_SECONDS = (30, 60, 120, 300, 600, 900)
GIVEN_UP_AFTER = timedelta(hours=12)
AT_ONCE, SIDE_BY_SIDE = 20, 4
ERROR_MAX = 500

logger = logging.getLogger(__name__)


def send_due(now: datetime, patience: timedelta = timedelta(0)) -> int:
    """Bring on their way the messages that are due; returns how many.

    `patience` is how much longer than due they must have been waiting.
    """
    due = db.session.execute(
        select(AlertMessage.id, AlertMessage.channel_id, AlertMessage.user_id)
        .where(AlertMessage.state == WAITING, AlertMessage.next_at <= now - patience, _unclaimed(now))
        .order_by(AlertMessage.next_at, AlertMessage.id)
        .limit(AT_ONCE)
    ).all()
    if not due:
        return 0
    hands_over = not patience and _is_worker_there(now)
    ways: dict[tuple[Any, ...], list[int]] = defaultdict(list)
    for message_id, *way in due:
        if not hands_over or not _hand_over(message_id, now):
            ways[tuple(way)].append(message_id)
    app = current_app._get_current_object()  # type: ignore[attr-defined]
    db.session.rollback()
    with ThreadPoolExecutor(SIDE_BY_SIDE) as pool:  # one server that hangs does not keep the others waiting
        list(pool.map(lambda messages: _deliver_in(app, messages, now), ways.values()))
    return len(due)


def deliver(message_id: int, now: datetime, handed: bool = False) -> AlertMessage | None:
    """One try at a message that waits; returns it as it stands then, None when it is not for this one.

    `handed` says that a run tries, and will try again by itself. What goes wrong is kept with the message.
    """
    from app.alerts import run_ends, sending  # a beat or recorder that sends nothing does without

    if until := _away_until(message_id, now):
        return _put_off(message_id, *until, handed)
    message = db.session.get(AlertMessage, message_id)
    if handed and message and message.state == WAITING and message.next_at > now + HANDED + EARLY:
        return message  # another delivery of the same run has tried meanwhile
    if not _claim(message_id, now):
        return None
    message = db.session.get_one(AlertMessage, message_id, populate_existing=True)
    personal = message.user_id is not None
    channel = run_ends.channel_to(message) if personal else db.session.get(AlertChannel, message.channel_id)
    attempts, at, way = message.attempts, message.at, _same_way(message)
    values: dict[str, Any] = {"state": SENT, "sent_at": now, "error": None}
    try:
        if channel is None:
            gone = _("This person has no e-mail address.") if personal else _("The channel was deleted.")
            raise sending.Refused(gone)
        db.session.expunge_all()
        db.session.rollback()  # nothing is held open while the other side takes its time
        sending.send(channel, message, now)
    except sending.Delayed as error:
        values = _later(str(error), error.after_seconds, attempts, at, now, handed)
    except SoftTimeLimitExceeded:  # a server that drips
        values = _later(_("It took too long."), None, attempts, at, now, handed)
    except Exception as error:
        if not isinstance(error, sending.Refused):
            logger.exception("message %s of an alert was not sent", message_id)
        values = {"state": FAILED, "error": (str(error) or type(error).__name__)[:ERROR_MAX]}
    with transaction() as session:
        mine = update(AlertMessage).where(AlertMessage.id == message_id, AlertMessage.attempts == attempts)
        session.connection().execute(mine.values(claimed_until=None, **values))
        if values.get("state") == SENT:  # what was put off need not wait any longer
            put_off = update(AlertMessage).where(*way, AlertMessage.error.is_not(None), _unclaimed(now))
            session.connection().execute(put_off.values(next_at=now))
    return db.session.get(AlertMessage, message_id)


def seconds_until(message: AlertMessage, now: datetime) -> int:
    """How long a run waits before it tries again."""
    return max(1, int((message.next_at - HANDED - now).total_seconds()))


def _same_way(message: AlertMessage) -> tuple[Any, ...]:
    """What waits for the same channel or person."""
    person = AlertMessage.user_id.is_not_distinct_from(message.user_id)
    return AlertMessage.state == WAITING, AlertMessage.channel_id == message.channel_id, person


def _away_until(message_id: int, now: datetime) -> tuple[datetime, str] | None:
    """Until when a message waits, and why: an older one finds out whether its channel is back.

    Else each message would take a worker for as long as a server hangs.
    """
    message = db.session.get(AlertMessage, message_id)
    if message is None or message.content["what"] == "test":  # somebody wants to know at once
        return None
    older = select(AlertMessage.next_at, AlertMessage.error).where(
        *_same_way(message), AlertMessage.id < message_id, AlertMessage.error.is_not(None)
    )
    found = db.session.execute(older.where(AlertMessage.next_at > now).order_by(AlertMessage.id)).first()
    return (found[0], found[1] or "") if found else None


def _put_off(message_id: int, until: datetime, why: str, handed: bool) -> AlertMessage | None:
    with transaction() as session:
        waits = update(AlertMessage).where(AlertMessage.id == message_id, AlertMessage.state == WAITING)
        values = {"next_at": until + HANDED if handed else until, "error": why}
        session.connection().execute(waits.values(**values))
    return db.session.get(AlertMessage, message_id)


def _unclaimed(now: datetime) -> Any:
    return or_(AlertMessage.claimed_until.is_(None), AlertMessage.claimed_until <= now)


def _claim(message_id: int, now: datetime) -> bool:
    with transaction() as session:
        free = update(AlertMessage).where(
            AlertMessage.id == message_id, AlertMessage.state == WAITING, _unclaimed(now)
        )
        values = {"claimed_until": now + CLAIMED, "attempts": AlertMessage.attempts + 1}
        return bool(session.connection().execute(free.values(values)).rowcount)


def _later(
    why: str, wish: int | None, attempts: int, at: datetime, now: datetime, handed: bool
) -> dict[str, Any]:
    """What is noted of a try that may work later: when the next is, or that there is none any more."""
    if now - at >= GIVEN_UP_AFTER:
        return {"state": FAILED, "error": why[:ERROR_MAX]}
    wait = max(BACK_OFF_SECONDS[min(attempts, len(BACK_OFF_SECONDS)) - 1], wish or 0)
    next_at = now + timedelta(seconds=wait)
    return {"next_at": next_at + HANDED if handed else next_at, "error": why[:ERROR_MAX]}


def _deliver_in(app: Flask, messages: Sequence[int], now: datetime) -> None:
    """Deliver messages of one channel in their order: that something is well again comes after the alert."""
    for message_id in messages:
        with app.app_context():
            deliver(message_id, now)


def _is_worker_there(now: datetime) -> bool:
    """Whether a worker takes what is sent to the queue of deliveries."""
    queue = BESIDE[DELIVERY]
    try:
        if broker.other_app() or broker.paused([queue]):
            return False
        workers: Sequence[heartbeats.Worker] = heartbeats.workers(broker.client(), now)
    except CeleriacError:
        return False
    return any(worker.taking and queue in worker.queues for worker in workers)


def _hand_over(message_id: int, now: datetime) -> bool:
    """Let a run deliver a message; False when that cannot be: then it is delivered here."""
    with transaction() as session:
        free = update(AlertMessage).where(
            AlertMessage.id == message_id,
            AlertMessage.state == WAITING,
            AlertMessage.run_id.is_(None),  # once: where a run was of no use, no second one is
            AlertMessage.next_at <= now,
        )
        values = {"next_at": now + HANDED, "run_id": ""}
        if not session.connection().execute(free.values(values)).rowcount:
            row = session.get(AlertMessage, message_id)
            return row is None or row.next_at > now
    try:
        run = runs.submit(runs.RunRequest(DELIVERY, kwargs={"message_id": message_id}), now, audited=False)
    except CeleriacError as error:
        logger.warning("a message of an alert is not delivered by a run: %s", error.detail)
        return False
    with transaction() as session:
        note = update(AlertMessage).where(AlertMessage.id == message_id).values(run_id=run.id)
        session.connection().execute(note)
    return True
