"""A RabbitMQ of another app is looked at: the lengths of queues whose names are known, and who answers."""

import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from kombu import Connection
from kombu.pidbox import Mailbox

from app import brokers
from app.clock import utcnow
from app.errors import BrokerUnavailable, Conflict, NotFound


@pytest.fixture
def theirs(app: Flask, rabbitmq_server: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    named = {"shop": rabbitmq_server.url, "away": "amqp://guest:guest@127.0.0.1:1//"}
    monkeypatch.setattr(app.config["SETTINGS"], "brokers", named)
    with Connection(rabbitmq_server.url) as connection:
        channel = connection.default_channel
        channel.queue_declare("bills", durable=True)
        for _ in range(3):
            connection.Producer(routing_key="bills").publish({}, exchange="")
        yield connection
        channel.queue_delete("bills")
        for exchange in ("celery.pidbox", "reply.celery.pidbox"):
            channel.exchange_delete(exchange)  # else another test's app takes the broker for another's


@pytest.fixture
def worker(theirs: Any, rabbitmq_server: Any) -> Iterator[None]:
    """Answers to remote control as a worker of Celery's does, which takes from `bills`."""
    stop = threading.Event()
    ready = threading.Event()

    def answer() -> None:
        with Connection(rabbitmq_server.url) as connection:
            mailbox = Mailbox("celery", type="fanout", accept=["json"], serializer="json")(connection)
            handlers = {"active_queues": lambda _state: [{"name": "bills"}]}
            handlers |= {name: lambda _state: [] for name in ("active", "reserved")}
            node = mailbox.Node("w@shop", handlers=handlers | {"stats": lambda _state: {}})
            node.channel = connection.channel()
            with node.listen():
                ready.set()
                while not stop.is_set():
                    try:
                        connection.drain_events(timeout=0.1)
                    except TimeoutError:
                        continue

    answering = threading.Thread(target=answer)
    answering.start()
    ready.wait(30)
    yield
    stop.set()
    answering.join(30)


def test_lengths_of_queues_that_workers_name(theirs: Any, worker: None) -> None:
    place = brokers.find("shop")
    assert "bills" not in [queue.name for queue in brokers.listing(place)]  # nobody named it yet
    (answered,) = brokers.ask(place, utcnow()).workers
    assert (answered.hostname, answered.queues) == ("w@shop", ("bills",))
    (queue,) = [queue for queue in brokers.listing(place) if queue.name == "bills"]
    assert (queue.waiting, queue.consumers) == (3, 0)
    assert "queue.declare" in queue.source
    assert theirs.default_channel.queue_declare("bills", passive=True).message_count == 3


def test_what_rabbitmq_does_not_tell(theirs: Any) -> None:
    place = brokers.find("shop")
    assert brokers.find_queue(place, "bills").waiting == 3
    with pytest.raises(NotFound):
        brokers.find_queue(place, "nothing")
    with pytest.raises(Conflict, match="cannot be read") as refused:
        brokers.line(place, "bills", 0, 5)
    assert refused.value.code == "not-supported"
    with pytest.raises(BrokerUnavailable):
        brokers.listing(brokers.find("away"))


def test_its_pages(theirs: Any, signed_in: Any) -> None:
    browser = signed_in("viewer")
    assert "RabbitMQ lists no queues" in browser.get("/brokers/shop").text
    assert "cannot be read without taking it" in browser.get("/brokers/shop/queues/bills").text
    assert browser.get("/brokers/shop/-/workers").status_code == 200


def test_where_nothing_is_found_it_is_said_what_was_asked_for(
    app: Flask, rabbitmq_server: Any, monkeypatch: pytest.MonkeyPatch, signed_in: Callable[[str], FlaskClient]
) -> None:
    monkeypatch.setattr(app.config["SETTINGS"], "brokers", {"shop": rabbitmq_server.url})
    page = signed_in("viewer").get("/brokers/shop").text
    assert "asked was for the queue celery" in page
    assert "global_keyprefix" not in page
