"""The checks behind the probes and `doctor`: each says what it found and what to do."""

import shutil
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import redis
from flask_babel import gettext as _
from flask_babel import ngettext
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError

from app import broker, brokers, catalog, heartbeats, schedules
from app.broker import starts
from app.broker.dead_letters import counted
from app.broker.redis import queues as in_redis
from app.config import MIGRATIONS, settings
from app.errors import BrokerUnavailable, NotFound
from app.extensions import db, transaction

SILENT_SECONDS = 15.0
STREAM_WARNING = 0.5


@dataclass(frozen=True)
class Check:
    """One check's outcome; `hint` says what to do when it failed."""

    name: str
    ok: bool
    detail: str
    hint: str = ""


def ready(now: datetime) -> list[Check]:
    """What the web process itself needs: a database it can write to, Redis, and RabbitMQ where it is used."""
    queues = [rabbitmq_answers(now)] if broker.capabilities().apart else []
    return [database(now), redis_answers(now), *queues]


def whole(now: datetime) -> list[Check]:
    """The whole deployment: also a beat, a recorder and at least one worker."""
    parts = (beat, recorder, worker, tasks, restarts, set_aside)
    return [*ready(now), *(check(now) for check in parts), *other_brokers()]


def diagnose(now: datetime) -> list[Check]:
    """Everything `doctor` looks at."""
    extra: list[Callable[[datetime], Check]] = [
        migrations,
        eviction,
        stream,
        other_app,
        imports,
        adoption,
        celery_objects,
        code_schedules,
        disk,
    ]
    return [*whole(now), *(check(now) for check in extra)]


def database(now: datetime) -> Check:
    try:
        with transaction() as session:
            session.execute(text("CREATE TEMPORARY TABLE IF NOT EXISTS celeriac_probe (at TEXT)"))
            session.execute(text("INSERT INTO celeriac_probe VALUES (:at)"), {"at": now.isoformat()})
            session.execute(text("DELETE FROM celeriac_probe"))
        return Check("database", True, db.engine.dialect.name)
    except SQLAlchemyError as error:
        hint = _("Check CELERIAC_DATABASE_URL, and that the server runs and the disk is not full.")
        return Check("database", False, _first_line(error), hint)


def redis_answers(now: datetime) -> Check:
    return _answers("redis", in_redis.version, _("Start Redis, or check CELERIAC_REDIS_URL."))


def rabbitmq_answers(now: datetime) -> Check:
    return _answers("rabbitmq", broker.version, _("Start RabbitMQ, or check CELERIAC_BROKER_URL."))


def _answers(name: str, version: Callable[[], str], hint: str) -> Check:
    started = time.perf_counter()
    try:
        answer = version()
    except (BrokerUnavailable, NotFound) as error:
        return Check(name, False, error.detail, hint)
    return Check(name, True, f"{answer}, {(time.perf_counter() - started) * 1000:.0f} ms")


def beat(now: datetime, host: str = "") -> Check:
    """Whether one looks at the schedules; with a `host`, one of that machine."""
    try:
        beats = heartbeats.beats(broker.client(), now)
        last_heard = {beat.name: beat.tick_at for beat in beats if _is_on(beat.name, host)}
    except (BrokerUnavailable, NotFound, redis.RedisError) as error:
        return Check("beat", False, _first_line(error), _("Start one: bin/celeriac beat"))
    return _heard("beat", last_heard, now, _("Start one: bin/celeriac beat"))


def recorder(now: datetime, host: str = "") -> Check:
    """Whether one is at work, and can do all of its work; with a `host`, one of that machine."""
    hint = _("Start one: bin/celeriac recorder")
    try:
        heard = heartbeats.recorders(broker.client(), now)
        words = [recorder for recorder in heard if _is_on(recorder.name, host)]
    except (BrokerUnavailable, NotFound, redis.RedisError) as error:
        return Check("recorder", False, _first_line(error), hint)
    check = _heard("recorder", {recorder.name: recorder.heartbeat_at for recorder in words}, now, hint)
    failing = {part: why for recorder in words if recorder.alive for part, why in recorder.failing.items()}
    if not check.ok or not failing:
        return check
    detail = "; ".join(f"{part}: {why}" for part, why in sorted(failing.items()))
    return Check("recorder", False, f"{check.detail}; {detail}", _("Its log says more. The rest goes on."))


def restarts(now: datetime) -> Check:
    """Whether a process dies and is started again and again."""
    hint = _("Look into its log for why it ends. This heals by itself after ten quiet minutes.")
    try:
        restarting = starts.again_and_again(broker.client(), now)
    except (BrokerUnavailable, NotFound, redis.RedisError) as error:
        return Check("restarts", False, _first_line(error))
    detail = ", ".join(
        _(
            "%(kind)s %(name)s started %(n)s times in 10 minutes",
            kind=process.kind,
            name=process.name,
            n=process.starts,
        )
        for process in restarting
    )
    return Check(
        "restarts",
        not restarting,
        detail or _("no process starts again and again"),
        hint if restarting else "",
    )


def set_aside(now: datetime) -> Check:
    """What could not be worked with, whole or in part; it stands in nobody's way, so it is no failure."""
    try:
        kept_aside = counted(broker.client())
    except (BrokerUnavailable, NotFound, redis.RedisError) as error:
        return Check("set aside", False, _first_line(error))
    if not kept_aside.total:
        return Check("set aside", True, _("nothing"))
    counts = ", ".join(f"{kind} {number}" for kind, number in sorted(kept_aside.counts.items()))
    last = (
        _(
            "; the last at %(at)s: %(why)s",
            at=f"{kept_aside.last_at:%Y-%m-%d %H:%M:%S} UTC",
            why=kept_aside.last_why,
        )
        if kept_aside.last_at
        else ""
    )
    return Check("set aside", True, counts + last)


def _heard(name: str, last_heard: Mapping[str, datetime], now: datetime, hint: str) -> Check:
    """Whether one of a kind of process said within 15 s that it works; each is named with its last word."""
    ages = {process: (now - at).total_seconds() for process, at in last_heard.items()}
    words = ", ".join(
        _("%(name)s %(age).1f s ago", name=process, age=max(age, 0.0))
        for process, age in sorted(ages.items())
    )
    if any(age <= SILENT_SECONDS for age in ages.values()):
        return Check(name, True, words)
    return Check(name, False, words or _("none has been heard of"), hint)


def worker(now: datetime, host: str = "") -> Check:
    """Whether one is online; with a `host`, one of that machine."""
    hint = _("Start one: bin/celeriac worker")
    try:
        known = [worker for worker in heartbeats.workers(broker.client(), now) if worker.online]
        online = [worker.hostname for worker in known if _is_on(worker.hostname, host)]
    except BrokerUnavailable as error:
        return Check("worker", False, error.detail, hint)
    return Check("worker", bool(online), ", ".join(online) or _("none is online"), "" if online else hint)


def _is_on(name: str, host: str) -> bool:
    """Whether the name of a process, host-pid or name@host, is of a machine."""
    return not host or host in (name.rpartition("@")[2], name.rpartition("-")[0])


def _as_told(name: str) -> Callable[[Callable[[datetime], Check]], Callable[[datetime], Check]]:
    """A check of what workers have told, which the database keeps."""

    def made(check: Callable[[datetime], Check]) -> Callable[[datetime], Check]:
        def checked(now: datetime) -> Check:
            try:
                return check(now)
            except SQLAlchemyError as error:
                return Check(name, False, _first_line(error))

        return checked

    return made


@_as_told("catalog")
def tasks(now: datetime) -> Check:
    """Whether a worker ever told of its tasks: there are no forms, checks and fires before."""
    if not catalog.told():
        hint = _("Start a worker, and a recorder, which takes in what it tells.")
        return Check("catalog", False, _("no worker has told of its tasks yet"), hint)
    number = len(catalog.listing())
    return Check("catalog", True, ngettext("%(num)d task", "%(num)d tasks", number))


def migrations(now: datetime) -> Check:
    from alembic.runtime.migration import MigrationContext  # megabytes, which the probes do without
    from alembic.script import ScriptDirectory

    head = ScriptDirectory(MIGRATIONS).get_current_head()
    try:
        with db.engine.connect() as connection:
            revision = MigrationContext.configure(connection).get_current_revision()
    except SQLAlchemyError as error:
        return Check("migrations", False, _first_line(error))
    hint = "" if revision == head else _("Run: bin/celeriac db upgrade")
    return Check("migrations", revision == head, revision or _("no tables yet"), hint)


def eviction(now: datetime) -> Check:
    """A Redis that evicts keys loses queues."""
    try:
        policy: Any = broker.client().info("memory")
    except redis.RedisError as error:
        return Check("redis memory", False, _first_line(error))
    name = policy.get("maxmemory_policy", "noeviction")
    hint = (
        "" if name == "noeviction" else _("Set maxmemory-policy noeviction: any other may drop waiting runs.")
    )
    return Check("redis memory", name == "noeviction", name, hint)


def stream(now: datetime) -> Check:
    from celeriac_agent.stream import STREAM

    try:
        length: Any = broker.client().xlen(STREAM)
    except redis.RedisError as error:
        return Check("event stream", False, _first_line(error))
    cap = settings().stream_max_events
    ok = length < cap * STREAM_WARNING
    hint = "" if ok else _("The recorder does not keep up or does not run; at the cap history has a gap.")
    return Check("event stream", ok, _("%(n)s of at most %(cap)s events wait", n=length, cap=cap), hint)


def other_brokers() -> list[Check]:
    """One for each broker of another app that the settings name."""
    return [
        Check(f"broker {one.place.name}", not one.wrong, one.wrong or one.place.server, one.hint)
        for one in brokers.findings()
    ]


def other_app(now: datetime) -> Check:
    """Whether the broker is ours, and nobody else's workers are on it."""
    try:
        other = broker.other_app()
        strangers = heartbeats.strangers(broker.client(), now)
    except (BrokerUnavailable, NotFound, redis.RedisError) as error:
        return Check("other apps", False, _first_line(error))
    if other:
        return Check("other apps", False, f"{other.title} ({other.evidence})", other.advice)
    if strangers:
        detail = _("workers of another Celery app listen here: %(names)s", names=", ".join(strangers))
        return Check("other apps", False, detail, _("Let each app have a broker of its own."))
    return Check("other apps", True, _("the broker is Celeriac's own"))


@_as_told("task modules")
def imports(now: datetime) -> Check:
    failures = catalog.import_failures()
    detail = "; ".join(f"{failure.module}: {failure.error}" for failure in failures)
    advice = " ".join(dict.fromkeys(str(failure.advice) for failure in failures if failure.advice))
    hint = (advice or _("Mend the module, or take it out of CELERIAC_TASKS.")) if failures else ""
    return Check("task modules", not failures, detail or _("all can be imported"), hint)


@_as_told("tasks")
def adoption(now: datetime) -> Check:
    """Tasks that lack what every other task has: types, context, progress, or their place in the catalog."""
    missing = catalog.not_taken_over()
    detail = "; ".join(f"{task.task_name} ({task.module}): {task.reason}" for task in missing)
    hint = _("Give it another class or name; until then it is as plain Celery has it.") if missing else ""
    return Check("tasks", not missing, detail or _("all are taken over"), hint)


@_as_told("celery objects")
def celery_objects(now: datetime) -> Check:
    """Celery objects of the team's modules whose configuration does not count here."""
    ignored = catalog.ignored_configuration()
    detail = "; ".join(
        _("%(settings)s of %(name)s", name=celery_object.name, settings=", ".join(celery_object.settings))
        for celery_object in ignored
    )
    matters = any(celery_object.matters for celery_object in ignored)
    hint = ignored_advice() if matters else ""
    text = _("not used here: %(what)s", what=detail) if ignored else _("none has a configuration of its own")
    return Check("celery objects", not matters, text, hint)


def ignored_advice() -> str:
    """What to do where the configuration of a Celery object does not count."""
    return _(
        "Make beat_schedule and task_routes variables of the module that CELERIAC_TASKS names, and set the "
        "broker in CELERIAC_REDIS_URL or CELERIAC_BROKER_URL."
    )


@_as_told("beat_schedule")
def code_schedules(now: datetime) -> Check:
    problems = schedules.code_entries().problems
    detail = "; ".join(f"{problem.key}: {problem.message}" for problem in problems)
    hint = _("Change the entry of beat_schedule, or run it with a beat of its own.") if problems else ""
    return Check("beat_schedule", not problems, detail or _("all entries are taken over"), hint)


def disk(now: datetime) -> Check:
    usage = shutil.disk_usage(Path(settings().data_path))
    free = usage.free / 2**30
    hint = (
        "" if free > 0.5 else _("Free some space: the database and Redis stop writing when the disk is full.")
    )
    return Check("disk", free > 0.5, _("%(free).1f GiB free in the data folder", free=free), hint)


def _first_line(error: Exception) -> str:
    return str(error).partition("\n")[0]
