"""A request becomes a run: the row first, the message after the commit."""

import hmac
import json
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from flask_babel import gettext as _
from sqlalchemy import select
from sqlalchemy.exc import IntegrityError

from app import audit, broker, catalog, queue_names
from app.accounts import permits
from app.broker import topics, wakeups
from app.config import secret_key, settings
from app.errors import BrokerUnavailable, Conflict, Invalid
from app.extensions import db, transaction
from app.runs import apps, checks, outbox, states
from app.runs.creation import new_run, waiting
from app.runs.models import Run
from app.text import storable

CLOCKS_DIFFER_SECONDS = 60.0


@dataclass(frozen=True)
class RunRequest:
    """What a person or a program asks for; empty fields take the task's own defaults."""

    task_name: str
    args: Sequence[Any] = ()
    kwargs: Mapping[str, Any] = field(default_factory=dict)
    queue: str | None = None
    priority: int | None = None
    message_ttl_seconds: int | None = None
    run_at: datetime | None = None
    hold: bool = False
    requested_by: str | None = None
    rerun_of: str | None = None
    idempotency_key: str | None = None
    app: str | None = None  # whose task it is, where two apps have one of that name
    requested: Mapping[str, Any] | None = None  # the request as it came in, to tell a repeated one by


def submit(request: RunRequest, now: datetime, audited: bool = True) -> Run:
    """Validate, write the row, commit, send; returns the run.

    Raises `NotFound` for an unknown task, `Forbidden` for one that needs the role admin, `Invalid` naming
    the argument, and `BelongsToAnother` where the broker is another app's; then nothing is queued. When it
    does not answer, the run is kept and sent later. A repeated idempotency key of the same requester
    returns the first run; with another request it is `Invalid`. Not `audited` is one of many runs, which
    have one entry together.
    """
    if first := _first_with(request):
        return first
    with suppress(BrokerUnavailable):  # then it is kept, and looked at again before it is sent
        broker.require_own()
    run = _row(request, now)
    try:
        with transaction() as session:
            session.add(run)
            action = "run.rerun" if run.rerun_of else "run.submit"
            details = {"queue": run.queue, "rerun_of": run.rerun_of} | audit.arguments(run.args, run.kwargs)
            if audited:
                audit.record(action, now, "run", run.id, run.task_name, **details)
    except IntegrityError:
        if first := _first_with(request):  # the same key, at the same moment
            return first
        raise
    if run.state == states.SCHEDULED:
        wakeups.wake(broker.client())
    else:
        outbox.send(run)
    topics.touch(broker.client(), ["runs", *([f"run:{run.rerun_of}"] if run.rerun_of else [])])
    return run


def rerun(
    old: Run,
    by: str | None,
    now: datetime,
    args: Sequence[Any] | None = None,
    kwargs: Mapping[str, Any] | None = None,
    idempotency_key: str | None = None,
    audited: bool = True,
    requested: Mapping[str, Any] | None = None,
) -> Run:
    """A new run of the same task with the same or changed arguments, pointing at the old one.

    Raises `Conflict` when the old arguments are not all known (masked, or too large to be kept), or another
    app ran it.
    """
    apps.require_reachable(old.app)
    info = catalog.find(old.task_name, app=old.app_name)
    arguments = _changed(info, old, args, kwargs)
    if (old.args is None and (args is None or kwargs is None)) or catalog.is_masked(
        [arguments.args, arguments.kwargs]
    ):
        raise Conflict(_unknown_words(old), code="arguments-unknown")
    request = RunRequest(
        task_name=old.task_name,
        args=arguments.args,
        kwargs=arguments.kwargs,
        queue=None if queue_names.is_reserved(old.queue or "") else old.queue,
        priority=old.priority,
        requested_by=by,
        rerun_of=old.id,
        app=old.app_name,
        idempotency_key=idempotency_key,
        requested=requested,
    )
    return submit(request, now, audited)


def made_with(by: str | None, key: str | None) -> Run | None:
    """The run that a requester's idempotency key made; None when there is none."""
    scoped = _scoped(by, key)
    return db.session.scalar(select(Run).where(Run.idempotency_key == scoped)) if scoped else None


def _changed(
    info: catalog.TaskInfo, old: Run, args: Sequence[Any] | None, kwargs: Mapping[str, Any] | None
) -> catalog.Arguments:
    """The old arguments, changed: `args` replaces all positional ones, each of `kwargs` one by name."""
    if args is not None:
        return catalog.Arguments(list(args), dict(old.kwargs or {}) | dict(kwargs or {}))
    if not kwargs:
        return catalog.Arguments(list(old.args or []), dict(old.kwargs or {}))
    named = catalog.by_name(info.parameters, old.args or [], old.kwargs or {})
    return catalog.Arguments([], named | dict(kwargs))


def _unknown_words(old: Run) -> str:
    if old.masked:
        names = ", ".join(str(name) for name in old.masked)
        return _(
            "These arguments were not kept because they are secret: %(names)s. Give them again.", names=names
        )
    return _("The arguments of this run were too large to be kept. Give them again.")


def _row(request: RunRequest, now: datetime) -> Run:
    info = catalog.meant(request.task_name, request.app)
    apps.require_reachable(info.app)
    permits.require(info.name, info.app, request.args, request.kwargs)
    if request.hold and (info.app is not None or not broker.capabilities().hold):
        raise broker.NotSupported
    arguments = catalog.validate(info, list(request.args), dict(request.kwargs))
    catalog.require_size(arguments.args, arguments.kwargs)
    _require_future(request.run_at, now)
    checks.require(info, arguments.args, arguments.kwargs, now)
    begin = waiting(
        arguments, now, request.message_ttl_seconds, run_at=request.run_at, hold=_hold(request, now)
    )
    row = new_run(
        info.name,
        info,
        arguments,
        now,
        begin,
        queue=request.queue,
        priority=request.priority,
        rerun_of=request.rerun_of,
        requested_by=storable(request.requested_by) if request.requested_by else None,
        idempotency_key=_scoped_key(request),
        request_digest=_digest(request),
    )
    return Run(**row)


def _hold(request: RunRequest, now: datetime) -> dict[str, str] | None:
    return {"by": request.requested_by or "", "at": now.isoformat()} if request.hold else None


def _require_future(run_at: datetime | None, now: datetime) -> None:
    """A moment that has passed is a mistake (a wrong year, a wrong zone), not a wish to run at once."""
    if run_at and run_at < now - timedelta(seconds=CLOCKS_DIFFER_SECONDS):
        raise Invalid({"run_at": [_("This moment has passed.")]})


def _scoped_key(request: RunRequest) -> str | None:
    return _scoped(request.requested_by, request.idempotency_key)


def _scoped(by: str | None, key: str | None) -> str | None:
    return storable(f"{by or ''}:{key}") if key else None


def _digest(request: RunRequest) -> str | None:
    """What was asked for, as a digest; keyed, because arguments that are secret could be guessed from it."""
    if not request.idempotency_key or request.requested is None:
        return None
    text = json.dumps(request.requested, sort_keys=True, default=str)
    return hmac.new(secret_key(settings()).encode(), text.encode(), "sha256").hexdigest()


def _first_with(request: RunRequest) -> Run | None:
    first = made_with(request.requested_by, request.idempotency_key)
    digest = _digest(request)
    if first and digest and first.request_digest and not hmac.compare_digest(digest, first.request_digest):
        raise Invalid({"Idempotency-Key": [_("This key came with another request before.")]})
    return first
