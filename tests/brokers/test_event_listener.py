"""Events of another app's workers: heard without a trace, kept short, and told."""

import base64
import json
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from flask import Flask

from app import broker, brokers, heartbeats
from app.brokers.event_listener import Listener
from app.clock import utcnow
from app.errors import BrokerUnavailable
from app.recorder.recorder import Recorder
from tests.brokers.conftest import DATABASE, Theirs


@pytest.fixture
def listener(app: Flask, theirs: Theirs) -> Iterator[Listener]:
    made = Listener(app, "shop", lambda _seconds: True)
    made.look(utcnow())
    yield made
    made.close()


def tell(theirs: Theirs, *events: dict[str, Any], topic: str = "task.multi") -> None:
    """Publish events as kombu does: one alone, several in a list."""
    body = base64.b64encode(json.dumps(events[0] if len(events) == 1 else events).encode()).decode()
    assert theirs.redis.publish(f"p:/{DATABASE}.celeryev/{topic}", json.dumps({"body": body})) == 1


def test_heartbeats_tell_who_is_there(theirs: Theirs, listener: Listener, eventually: Any) -> None:
    beat = {"type": "worker-heartbeat", "hostname": "w@shop", "active": 2, "processed": 9, "sw_ver": "5.3.6"}
    tell(theirs, beat, topic="worker.heartbeat")
    now, place = utcnow(), brokers.find("shop")
    eventually(lambda: listener.look(now) or brokers.heard(place, now))
    (worker,) = brokers.ask(place, now).workers
    assert (worker.hostname, worker.answered, worker.active) == ("w@shop", False, 2)
    assert worker.sources == ["worker-heartbeat"]
    assert worker.versions == {"celery": "5.3.6"}
    assert brokers.heard(place, now + timedelta(seconds=31)) == {}
    tell(theirs, beat | {"type": "worker-offline"}, topic="worker.offline")
    eventually(lambda: listener.look(now) or brokers.heard(place, now) == {})
    assert theirs.contents() == {}


def test_events_of_tasks_are_kept_without_their_arguments(
    theirs: Theirs, listener: Listener, eventually: Any
) -> None:
    facts = {"uuid": "u1", "hostname": "w@shop", "timestamp": 1.0, "args": "('geheim',)"}
    tell(theirs, *[facts | {"type": f"task-{name}"} for name in ("received", "started")])
    tell(theirs, facts | {"type": "task-succeeded", "result": "'geheim'", "runtime": 0.5})
    theirs.redis.publish(f"p:/{DATABASE}.celeryev/task.x", b"no JSON")
    place = brokers.find("shop")
    found = eventually(lambda: listener.look(utcnow()) or (len(said := brokers.events(place)) == 3 and said))
    assert [one["type"] for one in found] == ["task-succeeded", "task-started", "task-received"]
    assert "geheim" not in repr(found)
    assert found[0]["runtime"] == 0.5


def test_a_broker_that_is_away_is_waited_out_and_no_fault_of_ours(app: Flask, theirs: Theirs) -> None:
    recorder = Recorder(app, broker.client(), "r1")
    recorder._reader.join()
    away = recorder._listeners[0]
    with pytest.raises(BrokerUnavailable):
        away.look(utcnow())
    away.part.take_turn(app, utcnow())
    away.part.failures = 5
    recorder.send_heartbeat()
    (told,) = heartbeats.recorders(broker.client(), utcnow())
    assert (away.part.error[:17], told.failing) == ("BrokerUnavailable", {})
