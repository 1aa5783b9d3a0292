"""What workers tell of themselves, and how it is read."""

from typing import Any

import pytest
from flask import Flask

from app import broker, heartbeats
from app.clock import utcnow
from app.errors import NotFound


def test_a_paused_worker_is_there_but_takes_nothing(app: Flask, heard: Any) -> None:
    heard("a@host")
    heard("b@host")
    broker.pause_worker("a@host", "mei", "update", utcnow())
    paused, online = heartbeats.workers(broker.client(), utcnow())
    assert (paused.state, paused.online, paused.taking) == ("paused", True, False)
    assert paused.pause is not None
    assert (paused.pause.by, paused.pause.note) == ("mei", "update")
    assert (online.state, online.online, online.taking, online.pause) == ("online", True, True, None)


def test_a_silent_worker_is_offline_even_when_it_is_paused(app: Flask, heard: Any) -> None:
    heard(silent_seconds=11)
    broker.pause_worker("w1@host", "mei", "", utcnow())
    [worker] = heartbeats.workers(broker.client(), utcnow())
    assert (worker.state, worker.online) == ("offline", False)


def test_a_busy_solo_worker_may_be_silent(app: Flask, heard: Any) -> None:
    heard(silent_seconds=600, pool="solo", running=[{"id": "r", "task": "t", "started_at": None}])
    assert heartbeats.find_worker(broker.client(), "w1@host", utcnow()).online


def test_what_another_version_tells_does_no_harm(app: Flask, heard: Any) -> None:
    heard(mood="good", stopping=True)
    worker = heartbeats.find_worker(broker.client(), "w1@host", utcnow())
    assert (worker.stopping, worker.taking) == (True, False)


def test_an_unknown_worker(app: Flask) -> None:
    with pytest.raises(NotFound):
        heartbeats.find_worker(broker.client(), "nobody", utcnow())
