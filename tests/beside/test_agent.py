"""The agent in a Celery project that knows nothing else of Celeriac: its runs are here as they were there."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import redis as redis_client
from flask import Flask

from app import heartbeats, runs
from app.broker import dead_letters
from app.clock import utcnow
from app.extensions import db
from app.runs import logs, states
from app.runs.explanation import explain
from app.runs.models import Run
from app.runs.statistics import totals
from celeriac_agent.secrets import MASK
from celeriac_agent.stream import STREAM
from tests.conftest import RedisServer, wait_until

Make = Callable[..., Any]
SECRETS = ("4711-0815", "sk-live-abcdef", "FREE-BEER", "hunter2-hunter2")


def runs_of(task_name: str) -> list[Run]:
    db.session.rollback()
    return list(db.session.query(Run).filter_by(task_name=task_name))


def finished(run_id: str) -> Run | None:
    db.session.rollback()
    found = db.session.get(Run, run_id)
    return found if found is not None and found.is_finished else None


def ended(run_id: str) -> Run:
    """The run, once it has ended."""
    found: Run = wait_until(lambda: finished(run_id), 60)
    return found


LOADER = {"CELERY_LOADER": "celeriac_agent:Loader", "CELERIAC_AGENT_MASK": "voucher, pin_code"}


@pytest.mark.parametrize("pool", ["prefork", "threads", "solo"])
def test_runs_of_a_project_with_the_loader(
    app: Flask,
    redis: redis_client.Redis,
    processes: Any,
    shop: Make,
    agent: Path,
    redis_server: str,
    pool: str,
) -> None:
    processes.recorder()
    theirs = shop(PYTHONPATH=str(agent), CELERIAC_AGENT_URL=redis_server, **LOADER)
    charge = theirs.call("shop.charge", SECRETS[0], 12.5, api_key=SECRETS[1], voucher=SECRETS[2])
    waiting = wait_until(lambda: runs_of("shop.charge"), 60)[0]
    assert (waiting.state, waiting.queue, waiting.priority) == (states.PENDING, "celery", 9)  # 0 on Redis
    assert waiting.args == [MASK, 12.5]

    worker = theirs.worker("-c", "2", "-P", pool)
    run = ended(charge)
    assert (run.state, run.app) == (states.SUCCESS, "shop")
    [seen] = wait_until(lambda: heartbeats.app_workers(redis, utcnow()), 30)  # after its tasks are read
    assert (seen.app, seen.hostname, seen.pool, seen.queues) == ("shop", "shop@here", pool, ["celery"])
    assert (seen.slots, seen.online) == (1 if pool == "solo" else 2, True)
    assert (seen.acks_late, seen.returns_after, seen.clock_seconds) == (True, 3600.0, 0.0)
    assert run.kwargs == {"api_key": MASK, "voucher": MASK}
    assert run.result == {"amount": 12.5, "key": MASK}
    assert run.worker == "shop@here"
    assert run.progress_message == f"pin {MASK}"
    [counted] = [one for one in totals.totals() if one.task_name == "shop.charge"]
    assert (counted.app, counted.counts[states.SUCCESS]) == ("shop", 1)
    wait_until(lambda: len(logs.read(charge).lines) == 2, 30)
    assert [line.text for line in logs.read(charge).lines] == [
        f"charging 12.5 with {MASK}", f"the voucher is {MASK}",
    ]  # fmt: skip

    failed = ended(theirs.call("shop.fail", SECRETS[3]))
    assert failed.state == states.FAILURE
    assert failed.error == f"KeyError: 'no user with {MASK}'"
    flaky = ended(theirs.call("shop.flaky"))
    assert (flaky.state, flaky.attempt, flaky.result) == (states.SUCCESS, 2, 2)
    parent = ended(theirs.call("shop.parent"))
    child = ended(parent.result)
    assert (child.parent_id, child.root_id, child.args) == (parent.id, parent.id, [1000, 0])

    for number in range(50):
        theirs.send(number, 0)
    done = lambda: [one.args for one in runs_of("shop.note") if one.state == states.SUCCESS]  # noqa: E731
    wait_until(lambda: len(done()) == 51 and all(done()), 60)  # who sends tells the arguments, perhaps last
    assert sorted(args[0] for args in done()) == [*range(50), 1000]
    assert theirs.done() == [*range(50), 1000]
    worker.terminate()
    worker.wait(60)
    assert [one.state for one in heartbeats.app_workers(redis, utcnow())] == ["offline"]
    assert dead_letters.counted(redis).counts == {}  # nothing that it told is unknown here
    told = b"".join(fields[b"e"] for _, fields in redis.xrange(STREAM)).decode()
    assert [secret for secret in SECRETS if secret in told] == []


def test_workers_alone_with_an_included_module(
    app: Flask, processes: Any, shop: Make, agent: Path, redis_server: str
) -> None:
    processes.recorder()
    theirs = shop(
        PYTHONPATH=str(agent), CELERIAC_AGENT_URL=redis_server,
        CELERY_WORKER_INCLUDE="celeriac_agent", sender={"CELERIAC_AGENT": "off"},
    )  # fmt: skip
    theirs.worker()
    run_id = theirs.call("shop.note", 7, seconds=0)
    run = ended(run_id)
    assert (run.args, run.kwargs, run.queue, run.priority) == ([7], {"seconds": 0}, "celery", 9)


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"CELERIAC_AGENT_URL": "redis://127.0.0.1:1/0"}, "Redis does not answer; events wait in memory"),
        (
            {"CELERIAC_AGENT_URL": "http://x"},
            "Celeriac is told nothing: CELERIAC_AGENT_URL: allowed: redis://",
        ),
        ({}, ""),
    ],
)
def test_an_agent_that_can_tell_nobody_is_in_nobodys_way(
    shop: Make, agent: Path, settings: dict[str, str], said: str
) -> None:
    theirs = shop(PYTHONPATH=str(agent), **LOADER, **settings)
    theirs.worker("-c", "1")
    for number in range(20):
        theirs.send(number, 0)
    wait_until(lambda: theirs.done() == list(range(20)), 30)
    assert said in theirs.log()
    assert theirs.log().count("does not answer") <= 2  # the worker's main process and its one child
    assert "Traceback" not in theirs.log()


@pytest.mark.parametrize(
    ("pool", "launched_by"), [("prefork", "plain"), ("threads", "plain"), ("prefork", "old")]
)
def test_a_run_whose_end_was_missed_is_not_open_for_ever(
    shop: Make, celeriac_on: Make, own_redis: RedisServer, their_redis: RedisServer, agent: Path,
    request: pytest.FixtureRequest, pool: str, launched_by: str,
) -> None:  # fmt: skip
    """Once Celeriac is back, the worker names what it has: what runs, waits there or is tried again later."""
    url = their_redis.url.replace("unix://", "redis+socket://").replace("?db=", "?virtual_host=")
    celeriac_on(own_redis.url).processes.recorder()
    theirs = shop(
        url, launcher=request.getfixturevalue(f"{launched_by}_launcher"),
        PYTHONPATH=str(agent), CELERIAC_AGENT_URL=own_redis.url, **LOADER,
    )  # fmt: skip
    theirs.constants = {
        "celeriac_agent.stream.BACKLOG_MAX": 10,
        "celeriac_agent.recording.QUIET_SECONDS": 3.0,
        "celeriac_agent.presence.BEAT_SECONDS": 0.5,
    }
    theirs.worker("-c", "3", "-P", pool)
    talks, until = str(theirs.folder / "talks"), str(theirs.folder / "1")
    ended_there = theirs.call("shop.talk", 1, talks, until)
    again = theirs.call("shop.talk", 2, talks, until, again=3600)
    others = [theirs.send(number, until=f"{number}") for number in (3, 4, 5, 6)]

    def states_of(*ids: str) -> list[str]:
        db.session.rollback()
        found = [db.session.get(Run, run_id) for run_id in ids]
        return [run.state if run else "" for run in found]

    taken = [states.STARTED] * 3 + [states.RECEIVED] * 3
    wait_until(lambda: states_of(ended_there, again, *others) == taken, 60)
    own_redis.kill()
    (theirs.folder / "talks").touch()
    theirs.go_on("1")
    wait_until(lambda: theirs.done() == [1], 60)
    wait_until(lambda: "Retry in 3600s" in theirs.log(), 60)
    own_redis.start()

    wait_until(lambda: states_of(ended_there) == [states.LOST], 60)
    lost = runs.get(ended_there)
    assert lost.error == "EndNotTold: Its worker shop@here could not tell how it ended."
    assert explain(lost).code == "end-not-told"
    assert len(runs.gaps(utcnow())) == 1
    assert states_of(others[0], others[3]) == [states.STARTED, states.RECEIVED]
    for number in (3, 4, 5, 6):
        theirs.go_on(f"{number}")
    wait_until(lambda: states_of(*others) == [states.SUCCESS] * 4, 60)
    assert states_of(ended_there) == [states.LOST]
    assert states_of(again)[0] in states.RUNNING  # it waits there for its second attempt
    assert dead_letters.counted(own_redis.client).counts == {}  # what it told of the gap is known here


FULL = """
import sys
import celeriac_agent
import celeriac_agent.stream
from celery import Celery
from celery.signals import task_prerun, task_success

celeriac_agent.stream.BACKLOG_MAX = 10
app = Celery("shop")
celeriac_agent.install(app)

@app.task(name="shop.note")
def note(number):
    return number

for number in range(30):
    note.apply([number])
print(len(task_prerun.receivers), len(task_success.receivers), flush=True)
sys.stdin.readline()
while not task_success.receivers:
    pass
note.apply([30])
"""


def test_an_agent_that_can_keep_no_more_hears_nothing_until_redis_is_back(
    agent: Path, own_redis: RedisServer, tmp_path: Path
) -> None:
    own_redis.kill()
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(agent), "CELERIAC_AGENT_URL": own_redis.url}
    with subprocess.Popen(
        [sys.executable, "-c", FULL], env=environment, cwd=tmp_path, text=True,
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    ) as theirs:  # fmt: skip
        assert theirs.stdout
        assert theirs.stdout.readline() == "1 0\n"  # that one counts
        own_redis.start()
        _, said = theirs.communicate("go on\n", timeout=60)
    told = [json.loads(fields[b"e"]) for _, fields in own_redis.client.xrange(STREAM)]
    results = [event.get("result") for event in told if event["type"] == "succeeded"]
    assert results == [0, 1, 2, 3, 4, 30]  # each is told when it starts, and when it ends
    assert "at least 25 events were lost: no more than 10 wait in memory" in said
