"""Workers of another project with CELERIAC_AGENT_MANAGE=1 obey, and lose nothing when they are killed."""

import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from app import broker, brokers, heartbeats, queues
from app.broker import dead_letters
from app.clock import utcnow
from app.errors import Conflict
from app.extensions import db
from app.runs import states
from app.runs.models import Run
from tests.conftest import RedisServer, wait_until

Make = Callable[..., Any]
MANAGED = {"CELERY_LOADER": "celeriac_agent:Loader", "CELERIAC_AGENT_MANAGE": "1"}


@pytest.fixture
def beside(
    shop: Make, celeriac_on: Make, own_redis: RedisServer, their_redis: RedisServer
) -> Callable[..., tuple[Any, Any]]:
    """A Celeriac that may change the queues of the project, and the project, managed."""

    def make(**options: Any) -> tuple[Any, Any]:
        url = their_redis.url.replace("unix://", "redis+socket://").replace("?db=", "?virtual_host=")
        ours = celeriac_on(own_redis.url, BROKERS=f"shop={url}&global_keyprefix=p:")
        ours.processes.constants |= {"app.brokers.deaths.DEAD_SECONDS": 8.0}
        ours.processes.recorder()
        brokers.allow("shop", "ann", utcnow())
        told = {"SHOP_PREFIX": "p:", "CELERIAC_AGENT_URL": own_redis.url, **MANAGED}
        return ours, shop(url, **told | options)

    return make


def line() -> list[Any]:
    return [run.args[0] for run in brokers.line(brokers.find("shop"), "celery", 0, 50) if run.args]


def in_hand() -> int:
    return brokers.in_hand_count(brokers.find("shop"))


def held() -> int:
    return brokers.held(brokers.find("shop"), "celery")[0]


def state(run_id: str) -> str | None:
    db.session.rollback()
    found = db.session.get(Run, run_id)
    return found.state if found else None


def ran(theirs: Any) -> list[int]:
    """The numbers of the runs that have ended, as they ended."""
    return [int(number) for number in theirs.notes.read_text().split()]


@pytest.mark.parametrize("environment", ["new", "old"])
def test_pause_hold_and_order(beside: Make, request: pytest.FixtureRequest, environment: str) -> None:
    if environment == "old":
        _, theirs = beside(launcher=request.getfixturevalue("old_launcher"))
    else:
        _, theirs = beside(PYTHONPATH=str(request.getfixturevalue("agent")))
    with pytest.raises(Conflict, match="No worker is known"):
        queues.pause("celery", "ann", "", utcnow(), site=brokers.site("shop"))
    theirs.worker("-c", "1", "--prefetch-multiplier", "4")
    theirs.send(0, 0, until="all is asked")
    wait_until(lambda: in_hand() == 1 and not line(), 30)
    sent = {number: theirs.send(number, 0) for number in (1, 2, 3)}
    assert line() == [1, 2, 3]  # one message a free slot, whatever the project says
    wait_until(lambda: brokers.management(brokers.find("shop"), "celery", utcnow()).obeys, 30)
    wait_until(lambda: [state(run_id) for run_id in sent.values()] == [states.PENDING] * 3)
    queues.pause("celery", "ann", "deploy", utcnow(), site=brokers.site("shop"))
    queues.move("celery", sent[3], utcnow(), to="front", site=brokers.site("shop"))
    queues.hold("celery", sent[2], "ann", "wait", utcnow(), site=brokers.site("shop"))
    theirs.go_on("all is asked")
    wait_until(lambda: ran(theirs) == [0] and not in_hand(), 30)
    heard = heartbeats.app_workers(broker.client(), utcnow())[0].heartbeat_at
    wait_until(lambda: heartbeats.app_workers(broker.client(), utcnow())[0].heartbeat_at > heard, 30)
    assert (line(), in_hand(), ran(theirs)) == ([3, 1], 0, [0])

    assert queues.resume("celery", utcnow(), site=brokers.site("shop"))
    wait_until(lambda: ran(theirs) == [0, 3, 1], 30)
    assert state(sent[2]) == states.HELD
    queues.release("celery", sent[2], utcnow(), site=brokers.site("shop"))
    wait_until(lambda: ran(theirs) == [0, 3, 1, 2], 30)

    queues.hold_new("celery", "ann", "", utcnow(), site=brokers.site("shop"))
    last = theirs.send(4, 0)
    wait_until(lambda: held() == 1 and state(last) == states.HELD, 30)
    assert queues.stop_holding_new("celery", utcnow(), site=brokers.site("shop"))
    assert queues.release_all("celery", utcnow(), site=brokers.site("shop")) == [last]
    wait_until(lambda: ran(theirs) == [0, 3, 1, 2, 4], 30)
    assert "Traceback" not in theirs.log()
    assert dead_letters.counted(broker.client()).counts == {}  # a managed worker tells nothing unknown


def test_what_a_killed_worker_had_is_given_out_again(beside: Make, agent: Path) -> None:
    _, theirs = beside(PYTHONPATH=str(agent))
    worker = theirs.worker("-c", "2", name="one@here")
    first = {number: theirs.send(number, 0, until="killed") for number in (1, 2)}
    wait_until(lambda: in_hand() == 2, 30)
    for number in (3, 4):
        theirs.send(number, 0)
    os.killpg(worker.pid, signal.SIGKILL)
    worker.wait(60)
    theirs.go_on("killed")
    wait_until(lambda: line() in ([1, 2, 3, 4], [2, 1, 3, 4]), 60)
    wait_until(lambda: [state(run_id) for run_id in first.values()] == [states.PENDING] * 2, 60)
    theirs.worker("-c", "1", name="two@here")
    wait_until(lambda: theirs.done() == [1, 2, 3, 4] and not in_hand(), 60)
