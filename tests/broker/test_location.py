"""Where a run's message is; whether it has one at all."""

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from celery import Celery
from kombu import Exchange, Queue

from app import broker

Send = Callable[..., str]


@pytest.fixture
def everywhere(celery_only: Celery, send: Send, now: Any) -> Any:
    """`taken` is unacknowledged, `held` is held, `waiting` and `mailed` wait in two queues."""
    send("taken", args=[1])
    with celery_only.connection_for_read() as connection:
        channel = connection.channel()
        message = channel.basic_get("default")
        send("held")
        broker.hold("default", "held", "ann", "", now)
        send("waiting", 2)
        send("mailed", queue="mail")
        yield
        message.ack()
        channel.close()


QUEUES = ["default", "mail"]


@pytest.mark.parametrize(
    ("run_id", "where", "queue"),
    [("taken", "taken", "default"), ("held", "held", "default"), ("waiting", "waiting", "default"),
     ("mailed", "waiting", "mail")],
)  # fmt: skip
def test_locate(everywhere: Any, run_id: str, where: str, queue: str) -> None:
    place = broker.locate(run_id, QUEUES)
    assert place is not None
    assert (place.where, place.queue, place.message.id) == (where, queue, run_id)
    assert place.message.position == (1 if where == "waiting" else None)


def test_what_is_nowhere(everywhere: Any) -> None:
    assert broker.locate("nobody", QUEUES) is None
    assert broker.locate("mailed", ["default"]) is None
    assert broker.locate("waiting", []) is None


def test_out(everywhere: Any) -> None:
    ids = ["taken", "held", "waiting", "mailed", "nobody"]
    assert broker.out(ids, QUEUES) == set(ids) - {"nobody"}
    assert broker.out(["nobody"], QUEUES) == broker.out([], QUEUES) == set()
    assert [broker.is_out(run_id, QUEUES) for run_id in ids] == [True, True, True, True, False]
    many = [f"absent{n}" for n in range(50)]
    assert broker.out([*many, *ids], QUEUES) == set(ids) - {"nobody"}


def test_a_cancelled_or_purged_run_is_not_out(send: Send, now: Any) -> None:
    send("a")
    send("b")
    broker.remove("default", "a")
    assert broker.out(["a", "b"], QUEUES) == {"b"}
    token = broker.purge("default", now).token
    assert not broker.is_out("b", QUEUES)
    broker.restore("default", token)
    assert broker.is_out("b", QUEUES)


def test_unacked_tells_what_was_taken_and_when(everywhere: Any) -> None:
    (taken,) = broker.unacked().values()
    assert (taken.message.id, taken.message.task_name, taken.message.args) == ("taken", "demo.task", [1])
    assert (taken.message.queue, taken.message.priority, taken.message.position) == ("default", 5, None)
    assert taken.taken_at is not None
    assert abs(datetime.now(UTC) - taken.taken_at) < timedelta(minutes=1)
    assert taken.delivery_tag == json.loads(taken.message.raw)["properties"]["delivery_tag"]


@pytest.mark.parametrize(
    "value", [b"junk", b"[]", b"7", b"[1, 2, 3]", b'[{"properties": {"priority": "x"}}, "", ""]']
)
def test_unreadable_entries_among_the_taken_are_shown_as_foreign(celery_only: Celery, value: bytes) -> None:
    broker.client().hset("unacked", "tag", value)
    (taken,) = broker.unacked().values()
    assert taken.message.foreign
    assert (taken.delivery_tag, taken.taken_at) == ("tag", None)


def test_the_queue_of_a_named_exchange_is_told(celery_only: Celery, send: Send) -> None:
    bound = Queue("mail", Exchange("custom"), routing_key="letters")
    with celery_only.connection_for_read() as connection:
        channel = connection.channel()
        bound(channel).declare()
        send("r", queue=None, exchange="custom", routing_key="letters")
        message = channel.basic_get("mail")
        assert broker.unacked()["r"].message.queue == "mail"
        message.ack()
        channel.close()


def test_many_taken_at_once(celery_only: Celery, send: Send) -> None:
    with celery_only.connection_for_read() as connection:
        channel = connection.channel()
        for n in range(700):
            send(f"r{n}")
        taken = [channel.basic_get("default") for _ in range(700)]
        assert sorted(broker.unacked()) == sorted(f"r{n}" for n in range(700))
        for message in taken:
            message.ack()
        channel.close()
    assert broker.unacked() == {}


def test_known_queues_are_those_that_anybody_declared(celery_only: Celery, send: Send) -> None:
    assert broker.known_queues() == set()
    send("a")
    send("b", queue="ad hoc")
    with celery_only.connection_for_write() as connection:
        celery_only.control.ping(timeout=0.01, connection=connection)
    assert broker.known_queues() >= {"ad hoc"}
    assert not [name for name in broker.known_queues() if "pidbox" in name or "celeryev" in name]
