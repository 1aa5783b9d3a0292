"""Started on a Redis of another Celery app, Celeriac says so and leaves it alone."""

import os
import signal
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from app import broker, heartbeats, runs
from app.accounts import users
from app.broker import ownership
from app.clock import utcnow
from app.errors import Conflict
from app.extensions import db
from app.runs import RunRequest
from app.runs.models import Run
from tests.conftest import let_in, wait_until

Make = Callable[..., Any]


@pytest.mark.parametrize("queue", ["celery", "default"])
def test_nothing_of_theirs_is_sent_stranded_or_doubled(
    shop: Make,
    celeriac_on: Make,
    own_redis: Any,
    contents: Callable[[], dict[str, Any]],
    signed_in_to: Make,
    queue: str,
) -> None:
    theirs = shop(queue=queue)
    worker = theirs.worker()
    for number in range(12):
        theirs.send(number, until="ours are there")
    wait_until(lambda: own_redis.client.hlen("unacked") > 2)
    bindings = {key: value for key, value in contents().items() if key.startswith("_kombu")}

    ours = celeriac_on(own_redis.url)
    ours.start_all()
    wait_until(lambda: "the worker waits" in ours.log("worker"), 60)
    wait_until(lambda: "no schedule fires" in ours.log("beat"), 60)
    wait_until(lambda: own_redis.client.hlen("celeriac:recorders"), 60)
    with pytest.raises(Conflict, match="belongs to another Celery app") as refused:
        runs.submit(RunRequest("examples.basic.add"), utcnow())
    assert refused.value.code == "another-app"

    browser = signed_in_to(ours.app)
    page = browser.get("/").text
    assert "This Redis belongs to another Celery app" in page
    assert f"queues: {queue}; workers: shop@here" in page
    told = ours.doctor()
    assert "FAIL  other apps" in told
    assert "CELERIAC_REDIS_URL" in told
    assert ("Both would use the queue default" in told) == (queue == "default")

    theirs.go_on("ours are there")
    wait_until(lambda: theirs.done() == list(range(12)), 60)
    for _ in range(2):  # what was taken could be given back only now
        before = own_redis.client.hvals("celeriac:recorders")
        wait_until(lambda before=before: own_redis.client.hvals("celeriac:recorders") != before)
    assert theirs.done() == list(range(12))
    left = contents()
    assert {key: value for key, value in left.items() if key.startswith("_kombu")} == bindings
    assert [key for key in left if not key.startswith("_kombu")] == []
    assert db.session.query(Run).count() == 0

    os.killpg(worker.pid, signal.SIGKILL)  # what it has is theirs as well
    assert "FAIL  other apps" in ours.doctor()


@pytest.fixture
def signed_in_to() -> Callable[..., Any]:
    """A browser in which an admin of this app is signed in."""

    def enter(app: Any) -> Any:
        browser = app.test_client()
        let_in(browser, users.create("ann", "admin", utcnow()))
        return browser

    return enter


def test_beside_them_when_told_to_share(shop: Make, celeriac_on: Make, own_redis: Any) -> None:
    theirs = shop()
    theirs.worker()
    ours = celeriac_on(own_redis.url, SHARED_BROKER="1")
    ours.start_all()
    for number in range(40):
        theirs.send(number)
    wanted = RunRequest("examples.basic.add", kwargs={"x": 1, "y": 2}, requested_by="mei")
    sent = [runs.submit(wanted, utcnow()).id for _ in range(5)]

    def ended() -> bool:
        db.session.rollback()
        return all(runs.get(one).state == "SUCCESS" for one in sent)

    wait_until(ended, 60)
    wait_until(lambda: theirs.done() == list(range(40)), 60)
    wait_until(lambda: heartbeats.strangers(broker.client(), utcnow()) == ["shop@here"], 60)
    assert "workers of another Celery app listen here: shop@here" in ours.doctor()
    assert {run.task_name for run in db.session.query(Run)} == {"examples.basic.add"}


def test_sharing_needs_queues_of_ones_own(shop: Make, celeriac_on: Make, own_redis: Any) -> None:
    theirs = shop(queue="default")
    theirs.send(1)
    ours = celeriac_on(own_redis.url, SHARED_BROKER="1")
    assert "Both would use the queue default" in ours.doctor()
    with pytest.raises(Conflict):
        broker.purge("default", utcnow())
    assert own_redis.client.llen("default") == 1


def test_one_who_comes_later_is_named_and_keeps_what_he_took(
    shop: Make, celeriac_on: Make, own_redis: Any
) -> None:
    ours = celeriac_on(own_redis.url)
    ours.start_all()
    wait_until(lambda: own_redis.client.hlen("celeriac:workers"), 60)
    theirs = shop(queue="default")
    worker = theirs.worker("-c", "1")
    wait_until(lambda: heartbeats.strangers(broker.client(), utcnow()) == ["shop@here"], 60)
    os.killpg(worker.pid, signal.SIGTERM)
    worker.wait(60)
    client = broker.client()
    later = utcnow() + timedelta(seconds=31)
    assert heartbeats.strangers(client, later) == []
    wait_until(lambda: not client.exists("celeriac:strangers"), 30)  # it said goodbye


def test_who_works_with_a_broker_before_it_is_noted_is_known_by_his_traces(
    shop: Make, celeriac_on: Make, own_redis: Any
) -> None:
    """A version of Celeriac before this one left no mark; and a process of ours may be a moment faster."""
    theirs = shop()
    theirs.send(1)
    ours = celeriac_on(own_redis.url)
    assert broker.other_app() is not None
    own_redis.client.hset("celeriac:workers", "w1@here", "{}")
    ours.app.extensions.pop("broker_other_app")
    assert broker.other_app() is None
    assert own_redis.client.exists(ownership.HOME)


def test_a_redis_that_they_have_left_is_free(shop: Make, celeriac_on: Make, own_redis: Any) -> None:
    theirs = shop()
    theirs.send(1)
    ours = celeriac_on(own_redis.url)
    assert broker.other_app() is not None
    own_redis.client.flushall()
    ours.app.extensions.pop("broker_other_app")
    assert broker.other_app() is None
