"""Why a run is not running, wherever its broker is: of other apps it is known what their workers tell."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from flask_babel import gettext as _
from flask_babel import ngettext

from app import broker, heartbeats
from app.errors import BrokerUnavailable
from app.heartbeats import Worker
from app.queues.diagnosis import Diagnosis, all_busy, by_state, clock, diagnose, later
from app.runs import history_gaps, states
from app.runs.models import Run


def why(run: Run, now: datetime) -> Diagnosis:
    """Why a run is not running, from its row, its message and the workers; it never fails for Redis."""
    try:
        if run.app is not None:
            return diagnose_elsewhere(run, heartbeats.app_workers(broker.client(), now, run.app), now)
        return diagnose(run, heartbeats.workers(broker.client(), now), now)
    except BrokerUnavailable:
        words = _(
            "The broker does not answer, so it is not known what it waits for. What was queued is not lost."
        )
        return Diagnosis("broker-unavailable", words)


def diagnose_elsewhere(run: Run, workers: Sequence[Worker], now: datetime) -> Diagnosis:
    """The same for a run of another app, of which only its `workers` tell."""
    if run.is_finished:
        return Diagnosis("finished", _("It has finished."))
    if run.outbox is not None and run.send_at is not None and run.send_at <= now:
        words = _(
            "The broker of the app %(name)s did not take it yet. It is sent again by itself.", name=run.app
        )
        return Diagnosis("not-sent", words)
    if run.state in (states.SCHEDULED, states.RETRY) and (run.eta_at is None or run.eta_at > now):
        return later(run)
    holder = next((worker for worker in workers if worker.hostname == run.worker), None)
    if holder and not holder.online and run.state != states.RETRY:
        return _silent(run, holder)
    if run.state in states.RUNNING or run.state == states.RECEIVED:
        return by_state(run.state)
    return _in_their_broker(run, workers)


def _silent(run: Run, holder: Worker) -> Diagnosis:
    at = clock(holder.heartbeat_at)
    since = _("Its worker %(name)s is silent since %(at)s.", name=holder.hostname, at=at)
    if run.state in states.RUNNING and holder.acks_late == (run.task_name in holder.acks_otherwise):
        rest = _("If it stays so for a minute, the run counts as lost.")
    elif holder.returns_after is None:
        rest = _("Its broker gives the run back to the other workers of its app.")
    elif not holder.returns_after:
        rest = _("Its broker gives the run back to the other workers of its app at once.")
    else:
        at = clock(holder.heartbeat_at + timedelta(seconds=holder.returns_after))
        rest = _("Its broker gives the run back to the other workers of its app at %(at)s.", at=at)
    return Diagnosis("worker-silent", f"{since} {rest}")


def _in_their_broker(run: Run, workers: Sequence[Worker]) -> Diagnosis:
    queue, app = run.queue or "", run.app or ""
    listening = [worker for worker in workers if worker.taking and queue in worker.queues]
    where = _("It waits in the broker of the app %(app)s, where Celeriac does not look.", app=app)
    if history_gaps.is_any_since(run.sent_at or run.created_at):
        words = _(
            "It was sent to the broker of the app %(app)s, where Celeriac does not look. Events were lost "
            "since then: it may have run, and nobody could tell.",
            app=app,
        )
        return Diagnosis("elsewhere", words)
    if not listening:
        words = _(
            "No worker that is known here listens to its queue %(queue)s; one without the agent is not seen.",
            queue=queue,
        )
        return Diagnosis("elsewhere", f"{where} {words}")
    if full := all_busy(queue, listening):
        return Diagnosis("busy", f"{where} {full}")
    words = ngettext(
        "%(num)s worker of it listens to the queue %(queue)s.",
        "%(num)s workers of it listen to the queue %(queue)s.",
        len(listening),
        queue=queue,
    )
    return Diagnosis("elsewhere", f"{where} {words}")
