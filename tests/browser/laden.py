"""One of everything that pages can show, with long names and texts: what checks of every page look at."""

import json
import time
from datetime import timedelta
from pathlib import Path

import redis as redis_client
from pyotp import TOTP

from app import brokers, queues, runs, schedules
from app.accounts import emails, second_step, tokens, users
from app.alerts import channels, rules, turns
from app.broker import pauses
from app.clock import utcnow
from app.heartbeats import APP_WORKERS, WORKERS
from app.runs import bulk, states
from app.runs.failures import inbox
from app.runs.history import record
from app.schedules import foreign
from tests.brokers.conftest import Theirs
from tests.rows import make_run

TASK = "sample_tasks.plain"
PASSWORD = "correct horse battery"
LONG = "goes on and on " * 15
NOW = utcnow()


def workers_of(redis: redis_client.Redis) -> list[str]:
    """One at work and one that is paused; a third of another app."""
    entry = {
        "v": 1, "state": "online", "heartbeat_at": time.time() + 600, "started_at": time.time() - 600,
        "pid": 1, "pool": "prefork", "slots": 2, "queues": ["default"], "running": [], "finished": 0,
        "memory_bytes": 120_000_000, "load": 0.5, "versions": {"celery": "5.7.0"}, "tasks": [TASK],
    }  # fmt: skip
    running = [{"id": "row-started", "task": TASK, "started_at": time.time() - 60}]
    redis.hset(WORKERS, "w1@host", json.dumps(entry | {"hostname": "w1@host", "running": running}))
    redis.hset(WORKERS, "w2@host", json.dumps(entry | {"hostname": "w2@host"}))
    pauses.pause_worker("w2@host", "mei", "a new disk", NOW)
    shop = {"app": "shop", "hostname": "w1@shop", "obeys": ["pause", "hold"], "queues": ["celery"]}
    redis.hset(APP_WORKERS, "shop w1@shop", json.dumps(entry | shop))
    return ["/workers", "/workers/w1@host", "/workers/w2@host"]


def runs_of() -> list[str]:
    """A run of each look, one with a log; a workflow; a bulk change that asks."""
    of_look = {states.of(name).kind: name for name in states.ALL} | {"failed": states.FAILURE}
    for place, state in enumerate([*of_look.values(), states.STARTED, states.PENDING]):
        at = NOW - timedelta(minutes=50 - place)
        ended = {"ended_at": at, "runtime_seconds": 3.2} if state in states.FINISHED else {}
        failed = {"error": "KeyError: " + "x" * 300, "traceback": "Traceback\n" + f"  {LONG}\n" * 40}
        fields = ended | (failed if state in states.FAILED else {})
        make_run(f"row-{state.lower()}", at, state, args=[LONG, 10**20], kwargs={"b": "x" * 300}, **fields)
    make_run("row-root", NOW, states.SUCCESS, ended_at=NOW, result={"rows": [1, 2]}, root_id="row-root")
    below = {"root_id": "row-root", "parent_id": "row-root", "ended_at": NOW}
    for n in range(3):
        make_run(f"row-child-{n}", NOW, states.SUCCESS, **below)
    at = NOW.timestamp()
    lines = [[n, at, "INFO", LONG] for n in range(1, 60)]
    piece = {"type": "log", "id": "row-failure", "at": at, "started_at": at, "piece": 0, "lines": lines}
    ended = [  # a task with numbers
        {
            "type": kind,
            "id": "row-resized",
            "task": "sample_tasks.resize",
            "attempt": 0,
            "at": at - 60,
            **more,
        }
        for kind, more in (("sent", {"queue": "default"}), ("started", {}), ("succeeded", {"runtime": 9.0}))
    ]
    record([piece, *ended], lambda _task, args, kwargs: (args, kwargs, []))
    asked = bulk.freeze("rerun", ["row-failure", "row-success", "row-started"], "mei", NOW)
    kind = inbox.page(inbox.FailureFilter(state="all", at=NOW)).items[0]
    return [
        "/runs", "/runs?state=failed&min_seconds=x&last=24h", "/runs/row-failure", "/runs/row-started",
        "/runs/row-pending", "/runs/row-root", "/runs/row-failure/message",
        "/runs/compare?id=row-failure&id=row-root", f"/runs/bulk/{asked.id}",
        "/runs/failures", f"/runs/failures/{kind.id}", "/workflows",
    ]  # fmt: skip


def queues_of() -> list[str]:
    """Runs that wait, one that is held, a queue that is paused."""
    ids = [runs.submit(runs.RunRequest(TASK, [n, LONG], requested_by="mei"), NOW).id for n in range(6)]
    queues.hold("default", ids[0], "mei", LONG, NOW)
    queues.pause("mail", "mei", LONG, NOW)
    line = "/queues/default"
    return ["/queues", line, f"{line}?run={ids[3]}", f"{line}?tab=held", "/queues/mail", f"{line}/pause"]


def schedules_of() -> list[str]:
    """One with a long name, one that fires once; those of another scheduler, one of them taken over."""
    timing = {"task_type": "cron", "cron_schedule": "0 12 * * *", "timezone": "Europe/London"}
    named = schedules.Definition(name=LONG[:90], task_name=TASK, args=[1], note=LONG, **timing)
    daily = schedules.create(named, "mei", NOW)
    once = {"task_type": "one_time", "run_at": NOW + timedelta(days=3)}
    schedules.create(schedules.Definition(name="Once", task_name=TASK, args=[1], **once), "mei", NOW)
    (source,) = foreign.sources()
    foreign.take_over(source, foreign.read(source), ["Nightly"], "mei", NOW)
    return [
        "/schedules", f"/schedules/{daily.id}", f"/schedules/{daily.id}/edit", "/schedules/others",
        "/schedules/new", "/schedules/new?task_name=sample_tasks.report&task_type=cron&cron_schedule=x",
    ]  # fmt: skip


def alerts_of() -> list[str]:
    """A rule that fires, with a channel and a message that waits."""
    values = {"name": "Ops chat", "kind": "slack", "address": "https://hooks.chat.example/services/T0"}
    begin = NOW - timedelta(minutes=3)
    channel = channels.create(values, "ann", begin)
    rule = rules.create({"name": "Payments", "kind": "run_failed", "channels": [channel.id]}, "ann", begin)
    at = NOW - timedelta(minutes=2)
    make_run("row-paid", at, states.FAILURE, task_name="shop.pay", error="KeyError: 1")
    turns.take(NOW)
    edit = [f"/alerts/{rule.id}/edit", f"/alerts/channels/{channel.id}/edit"]
    return ["/alerts", "/alerts/new", "/alerts/channels/new", *edit]


def accounts_of() -> list[str]:
    """Another user with a token, a third who signs in in two steps; an address that is to be confirmed."""
    now, (visitor,) = utcnow(), users.listing()
    lin = users.create("lin", "operator", now)
    tokens.create(lin, LONG[:60], now)
    second_step.confirm(tom := users.create("tom", "viewer", now, PASSWORD), code_of(tom), now)
    emails.enter(visitor, "ann@celeriac.example", now)
    return [
        "/settings", "/settings/second-step", emails.link(visitor.id, "ann@celeriac.example", now),
        "/settings/users", f"/settings/users/{lin.id}", f"/settings/users/{tom.id}/second-step/reset",
    ]  # fmt: skip


def code_of(user: users.User) -> str:
    """What an authenticator app shows that has just been set up for a user."""
    now = utcnow()
    return TOTP(second_step.begin(user, now)).at(now)


def broker_of_another(theirs: Theirs) -> list[str]:
    """A broker that may be changed, with runs that wait; and one that does not answer."""
    waits, *_others = (theirs.send(number, LONG) for number in range(3))
    brokers.allow("shop", "ann", NOW)
    line = "/brokers/shop/queues/celery"
    return [
        "/brokers/shop", "/brokers/shop/workers/w1@shop", "/brokers/shop/limits", "/brokers/shop/revoke?id=1",
        line, f"{line}/change?id={waits}", f"{line}/pause", f"{line}/hold-new", "/brokers/away",
    ]  # fmt: skip


def files_of(folder: Path) -> list[str]:
    (folder / f"{LONG[:60]}.csv").write_text("a")
    (folder / "reports").mkdir()
    return ["/files", "/tasks/files.clean_up"]


def fill(redis: redis_client.Redis, theirs: Theirs, folder: Path) -> list[str]:
    """Make one of everything beside the user who visits; returns the addresses that show it."""
    return [
        "/", "/tasks", "/tasks/sample_tasks.resize", "/search?q=plain", "/audit", "/nothing",
        *workers_of(redis), *runs_of(), *queues_of(), *schedules_of(), *alerts_of(), *accounts_of(),
        *broker_of_another(theirs), *files_of(folder),
    ]  # fmt: skip
