"""Workers that vanish: what they had taken goes back to the front of its queue, or is given up."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import redis
from flask_babel import gettext as _
from sqlalchemy import or_, select, update

from app import broker, catalog, heartbeats
from app.broker.answers import Taken
from app.broker.rabbitmq import dedup
from app.broker.redis import recovery
from app.extensions import db, transaction
from app.heartbeats import Worker, strangers
from app.runs import endings, states
from app.runs.models import Run
from celeriac_agent.settings import OWN_APP

DEATHS = "celeriac:deaths"  # hash: run id → how many workers died with it
DEATHS_MAX = 3
DEAD_SECONDS = 15.0
APP_DEAD_SECONDS = 60.0  # their way to us may be cut while they work
ORPHAN_SECONDS = 30.0
FORGOTTEN_AFTER = timedelta(days=1)
_TAKEN = (states.SCHEDULED, states.RECEIVED, states.STARTED, states.PROGRESS, states.RETRY)

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Recovered:
    """What became of the runs of dead workers, by id."""

    requeued: list[str]
    lost: list[str]


def recover(client: redis.Redis, now: datetime, heard_since: datetime) -> Recovered:
    """Find the runs of workers that died and put them right; only call it when the stream is read to its end.

    Since `heard_since` Redis has been there without a break, so that who lives could say so.

    A message that is still unacknowledged goes back to the front of its queue. A run without one is LOST (its
    task acknowledges early), and so is one that has seen three workers die: it may be what kills them.
    A broker may give messages back by itself.
    """
    workers = heartbeats.workers(client, now)
    _forget(client, workers, now)
    requeued: list[str] = []
    lost: list[str] = []
    taken: dict[str, Taken] | None = None
    for run in _runs_of(_gone(workers, now, heard_since, DEAD_SECONDS)):
        if broker.capabilities().gives_back:
            _requeued_by_broker(run, now, requeued, lost)
            continue
        taken = broker.unacked() if taken is None else taken
        message = taken.get(run.id)
        if message is None and run.state in states.AT_WORK:
            _lose(run, _not_twice(run), now, lost)
        elif message and (int(client.hincrby(DEATHS, run.id, 1)) >= DEATHS_MAX or not recovery.can(message)):
            _quarantine(run, message, now, lost)
        elif message:
            _requeue(run, message, now, requeued)
    if not strangers(client, now):  # a message that no worker of ours told of may be with one of theirs
        requeued += _orphans(workers, now, heard_since)
    return Recovered(requeued, lost)


def recover_elsewhere(client: redis.Redis, now: datetime, heard_since: datetime) -> Recovered:
    """The same for the workers of other apps, whose brokers nobody here reaches: only rows are put right.

    What was acknowledged when it started is LOST; what was not, their broker gives back by itself.
    """
    workers = heartbeats.app_workers(client, now)
    _forget(client, workers, now)
    requeued: list[str] = []
    lost: list[str] = []
    for worker in workers:
        for run in _runs_of(_gone([worker], now, heard_since, APP_DEAD_SECONDS), worker.app):
            late = worker.acks_late != (run.task_name in worker.acks_otherwise)
            if run.state in states.RUNNING and not late:
                _lose(run, _not_twice(run), now, lost)
            elif run.state in states.AT_WORK:  # it keeps its worker: that is why it waits
                _set(run.id, now, state=states.PENDING, received_at=None, started_at=None)
                requeued.append(run.id)
    return Recovered(requeued, lost)


def deaths_of(run_id: str) -> int:
    """How many workers have died with a run."""
    return int(broker.client().hget(DEATHS, run_id) or 0)


def note_death(run_id: str) -> None:
    """One more worker died with a run."""
    broker.client().hincrby(DEATHS, run_id, 1)


def given_out_again(run_id: str, now: datetime) -> None:
    """The message of a run that a worker died with waits again."""
    _set(run_id, now, state=states.PENDING, received_at=None, started_at=None, worker=None)


def quarantined(run_id: str, now: datetime) -> None:
    """The message of a run that too many workers died with is gone."""
    _set(run_id, now, state=states.LOST, error=f"WorkerLost: {_too_many()}", ended_at=now)


def _gone(
    workers: Sequence[Worker], now: datetime, heard_since: datetime, silence: float
) -> list[tuple[str, datetime]]:
    """Each worker with the moment before which what it took has nobody: its death, or its new start."""
    gone = []
    for worker in workers:
        silent = (now - max(worker.heartbeat_at, heard_since)).total_seconds() > silence
        before = now if silent and not worker.online else worker.started_at
        gone.append((worker.hostname, before))
    return gone


def _runs_of(gone: Sequence[tuple[str, datetime]], app: str | None = None) -> Sequence[Run]:
    if not gone:
        return []
    theirs = or_(
        *(
            (Run.app == app)
            & (Run.worker == name)
            & (Run.updated_at < before)
            & or_(Run.received_at.is_(None), Run.received_at < before)
            for name, before in gone
        )
    )
    return db.session.scalars(select(Run).where(Run.state.in_(_TAKEN), theirs).limit(1000)).all()


def _requeued_by_broker(run: Run, now: datetime, requeued: list[str], lost: list[str]) -> None:
    """Bring the row in step; what was acknowledged when it started, or given back too often, is LOST."""
    task = catalog.lookup(run.task_name, OWN_APP)
    if run.state in states.RUNNING and task is not None and not task.acks_late:
        _lose(run, _not_twice(run), now, lost)
    elif dedup.starts(run.id) >= DEATHS_MAX:
        dedup.forbid(run.id)
        _lose(run, _too_many(), now, lost)
    elif run.state in states.AT_WORK:
        dedup.give_back(run.id, run.worker or "")
        logger.warning("run %s is back in %s: its worker %s died", run.id, run.queue, run.worker)
        _set(run.id, now, state=states.PENDING, received_at=None, started_at=None, worker=None)
        requeued.append(run.id)


def _not_twice(run: Run) -> str:
    return _("Its worker %(name)s died, and it does not run twice.", name=run.worker or "")


def _too_many() -> str:
    return _("%(n)s workers died while they ran it, so it is not started again.", n=DEATHS_MAX)


def _requeue(run: Run, taken: Taken, now: datetime, requeued: list[str]) -> None:
    if recovery.requeue(taken):
        logger.warning("run %s is back in %s: its worker %s died", run.id, taken.message.queue, run.worker)
        _set(run.id, now, state=states.PENDING, received_at=None, started_at=None, worker=None)
        requeued.append(run.id)


def _quarantine(run: Run, taken: Taken, now: datetime, lost: list[str]) -> None:
    if recovery.drop(taken):
        _lose(run, _too_many(), now, lost)


def _lose(run: Run, reason: str, now: datetime, lost: list[str]) -> None:
    logger.error("run %s is lost: %s", run.id, reason)
    _set(run.id, now, state=states.LOST, error=f"WorkerLost: {reason}", ended_at=now)
    lost.append(run.id)


def _set(run_id: str, now: datetime, **values: object) -> None:
    with transaction() as session:
        still = update(Run).where(Run.id == run_id, Run.state.in_(_TAKEN))
        changed = session.connection().execute(still.values(updated_at=now, **values)).rowcount
        if changed and values["state"] == states.LOST:
            endings.note_these([run_id])


def _orphans(workers: Sequence[Worker], now: datetime, heard_since: datetime) -> list[str]:
    """Messages that a worker took and died with before it could even say so: back to the front as well."""
    if not any(
        (now - worker.started_at).total_seconds() < 2 * ORPHAN_SECONDS or not worker.online
        for worker in workers
    ):
        return []
    old = now - timedelta(seconds=ORPHAN_SECONDS)
    if heard_since > old:
        return []
    candidates = {
        i: message for i, message in broker.unacked().items() if message.taken_at and message.taken_at < old
    }
    if not candidates:
        return []
    told_of_nobody = Run.state == states.PENDING, Run.worker.is_(None)
    waiting = select(Run.id).where(Run.id.in_(candidates), *told_of_nobody)
    return [run_id for run_id in db.session.scalars(waiting) if recovery.requeue(candidates[run_id])]


def _forget(client: redis.Redis, workers: Sequence[Worker], now: datetime) -> None:
    old = [worker for worker in workers if now - worker.heartbeat_at > FORGOTTEN_AFTER]
    for kind, ours in ((heartbeats.WORKERS, True), (heartbeats.APP_WORKERS, False)):
        heartbeats.forget(client, kind, *(worker.key for worker in old if (worker.app is None) == ours))
