"""A project on Celery 5.3 with a key prefix, in an environment of its own: told truly, and run from here."""

import os
import signal
import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from app import catalog, queues, runs
from app.catalog import published
from app.clock import utcnow
from app.extensions import db
from app.runs import RunRequest, states
from app.runs.models import Run
from tests.conftest import RedisServer, wait_until
from tests.launcher import Launcher

Make = Callable[..., Any]
AWAY_SECONDS = 4.0
SENT = 150
LONG_AWAY_SECONDS, LONG_SENT = 30.0, 1000


def ended(task_name: str) -> list[Run]:
    db.session.rollback()
    return list(db.session.query(Run).filter_by(task_name=task_name, state=states.SUCCESS))


def known() -> catalog.TaskInfo | None:
    db.session.rollback()
    published.forget_what_was_read()
    return catalog.lookup("shop.note", app="shop")


def test_every_run_is_told_whatever_is_away_and_runs_can_be_asked_for_here(
    shop: Make, celeriac_on: Make, own_redis: RedisServer, their_redis: RedisServer, old_launcher: Launcher,
    pytestconfig: pytest.Config,
) -> None:  # fmt: skip
    long = pytestconfig.getoption("long")
    sent, away_seconds = (LONG_SENT, LONG_AWAY_SECONDS) if long else (SENT, AWAY_SECONDS)
    url = their_redis.url.replace("unix://", "redis+socket://").replace("?db=", "?virtual_host=")
    ours = celeriac_on(own_redis.url, BROKERS=f"shop={url}")
    recorder = ours.processes.recorder()
    theirs = shop(
        url, launcher=old_launcher, SHOP_PREFIX="shop:",
        CELERY_LOADER="celeriac_agent:Loader", CELERIAC_AGENT_URL=own_redis.url,
    )  # fmt: skip
    theirs.worker("-c", "2")
    wait_until(known, 60)
    before = set(their_redis.client.keys("*"))

    asked = runs.submit(RunRequest("shop.note", [5000], {"seconds": 0}, requested_by="mei"), utcnow())
    wait_until(lambda: theirs.done() == [5000], 60)
    new = set(their_redis.client.keys("*")) - before
    assert new <= {b"shop:celery", b"shop:unacked", b"shop:unacked_index"}

    for number in range(sent // 3):
        theirs.send(number, 0)
    ours.processes.kill(recorder, signal.SIGKILL)
    for number in range(sent // 3, 2 * sent // 3):
        theirs.send(number, 0)
    own_redis.kill()
    away = time.monotonic()
    for number in range(2 * sent // 3, sent):
        theirs.send(number, 0)
    wait_until(lambda: theirs.done() == [*range(sent), 5000], 60)  # their work waits for nobody
    time.sleep(max(0.0, away_seconds - (time.monotonic() - away)))
    own_redis.start()
    recorded = len(ended("shop.note"))
    second = ours.processes.recorder()
    wait_until(lambda: len(ended("shop.note")) > recorded, 60)
    ours.processes.kill(second, signal.SIGKILL)
    ours.processes.recorder()

    # What the killed recorders had read is taken over once they are known to be dead.
    wait_until(lambda: len([run for run in ended("shop.note") if run.args]) == sent + 1, 90)
    found = {run.id: run for run in ended("shop.note")}
    assert sorted(run.args[0] for run in found.values()) == [*range(sent), 5000]
    assert {run.app for run in found.values()} == {"shop"}
    assert (found[asked.id].requested_by, found[asked.id].worker) == ("mei", "shop@here")
    assert [one for one in ("Traceback", "Internal Server Error") if one in theirs.log()] == []


def test_what_a_killed_worker_had_is_said(
    shop: Make, celeriac_on: Make, own_redis: RedisServer, their_redis: RedisServer, old_launcher: Launcher
) -> None:
    """Its tasks acknowledge late: the broker gives the run back, later."""
    url = their_redis.url.replace("unix://", "redis+socket://").replace("?db=", "?virtual_host=")
    ours = celeriac_on(own_redis.url)
    ours.processes.constants |= {"app.workers.deaths.APP_DEAD_SECONDS": 5.0}
    ours.processes.recorder()
    theirs = shop(
        url, launcher=old_launcher,
        CELERY_WORKER_INCLUDE="celeriac_agent", CELERIAC_AGENT_URL=own_redis.url,
    )  # fmt: skip
    worker = theirs.worker("-c", "1")
    run_id = theirs.send(1, 600)

    def state() -> str | None:
        db.session.rollback()
        found = db.session.get(Run, run_id)
        return found.state if found else None

    wait_until(lambda: state() == states.STARTED, 60)
    os.killpg(worker.pid, signal.SIGKILL)
    wait_until(lambda: state() == states.PENDING, 60)
    later = utcnow() + timedelta(seconds=20)
    why = queues.why(runs.get(run_id), later)
    assert why.reason == "worker-silent"
    assert "Its broker gives the run back to the other workers of its app at " in why.detail
