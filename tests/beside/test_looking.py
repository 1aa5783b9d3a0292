"""A plain Celery project without the agent is looked at while it works: it is disturbed in nothing."""

from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask

from app import brokers, queues
from app.brokers.event_listener import Listener
from app.clock import utcnow
from tests.conftest import RedisServer, wait_until

Make = Callable[..., Any]
VOLATILE = ("unacked_mutex", "_kombu.binding_deadlines")  # what kombu itself keeps writing


def test_its_queues_workers_and_events_are_seen_and_nothing_is_left(
    app: Flask, shop: Make, own_redis: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    theirs = shop()
    monkeypatch.setattr(app.config["SETTINGS"], "brokers", {"shop": theirs.url})
    theirs.worker("-c", "1", "-E")
    for number in range(8):
        theirs.send(number, seconds=0.01, until={0: "looked at", 1: "moved"}.get(number, ""))
    wait_until(lambda: own_redis.client.hlen("unacked") > 1)
    ids = [theirs.call("shop.note", 100 + number, 0.01) for number in range(3)]
    keys = {key for key in own_redis.client.keys("*") if not key.decode().startswith(VOLATILE)}
    bindings = {key: own_redis.client.smembers(key) for key in keys if key.startswith(b"_kombu.binding.")}
    listener = Listener(app, "shop", lambda _seconds: True)
    listener.look(utcnow())

    place = brokers.find("shop")
    assert [queue.name for queue in brokers.listing(place)] == ["celery"]
    line = brokers.line(place, "celery", 0, 50)
    assert [run.id for run in line][-3:] == ids
    assert line[-1].args == [102, 0.01]
    assert brokers.in_hand(place, 0, 5)[0].args[0] == 0
    answers = brokers.ask(place, utcnow())
    (worker,) = answers.workers
    assert (worker.hostname, worker.queues, worker.pool, worker.slots) == (
        "shop@here",
        ("celery",),
        "prefork",
        1,
    )
    assert answers.consumers("celery") == ["shop@here"]
    assert answers.holder(brokers.in_hand(place, 0, 1)[0].id) == "shop@here"
    assert (brokers.connections(place) or 0) <= 1

    theirs.go_on("looked at")

    def heard() -> bool:
        listener.look(utcnow())
        return bool(brokers.heard(place, utcnow())) and bool(brokers.events(place))

    wait_until(heard)
    brokers.allow("shop", "ann", utcnow())
    queues.remove("celery", ids[0], "ann", utcnow(), site=brokers.site("shop"))
    queues.move("celery", ids[2], utcnow(), to="front", site=brokers.site("shop"))
    theirs.go_on("moved")
    wait_until(lambda: theirs.done() == [*range(8), 101, 102], 60)
    order = [int(one) for one in theirs.notes.read_text().split()]
    assert order.index(102) < order.index(101)
    theirs.send(500, seconds=60.0)
    wait_until(lambda: brokers.in_hand_count(place) == 1)
    brokers.revoke("shop", brokers.in_hand(place, 0, 1)[0].id, True, utcnow())
    wait_until(lambda: brokers.in_hand_count(place) == 0)
    listener.close()
    left = {key for key in own_redis.client.keys("*") if not key.decode().startswith(VOLATILE)}
    assert left - keys == set()  # no list of answers, no binding, no key of ours
    for key, members in bindings.items():
        assert own_redis.client.smembers(key) == members
