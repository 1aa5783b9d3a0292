"""What a recorder says of itself: events of the last minute, and how far it is behind."""

import json
from datetime import UTC, datetime
from typing import Any

from flask import Flask
from hypothesis import given
from hypothesis import strategies as st

from app import heartbeats
from app.clock import utcnow
from app.heartbeats.recorder import Minute
from app.recorder import recorder as recording
from app.recorder.recorder import Recorder
from celeriac_agent.stream import STREAM

moments = st.lists(st.tuples(st.integers(0, 300), st.integers(0, 1000)))


@given(moments)
def test_a_minute_counts_what_happened_in_it(happened: list[tuple[int, int]]) -> None:
    minute, known = Minute(), []
    for at, number in sorted(happened):
        minute.add(number, at + 0.5)
        known.append((at, number))
        assert minute.count(at + 0.5) == sum(n for then, n in known if then > at - 60)
    assert minute.count(400) == 0
    assert len(minute._seconds) == 0


def add(redis: Any, number: int) -> None:
    for n in range(number):
        event = {"id": f"r{n}", "type": "sent", "at": utcnow().timestamp(), "task_name": "sample_tasks.plain"}
        redis.xadd(STREAM, {"e": json.dumps(event)})


def test_a_recorder_tells_how_much_it_recorded(app: Flask, redis: Any) -> None:
    add(redis, 7)
    Recorder(app, redis, "one").turn(utcnow())
    word = heartbeats.recorders(redis, utcnow())[0]
    assert (word.name, word.per_minute, word.behind_seconds, word.alive) == ("one", 7, 0.0, True)


def test_a_recorder_that_has_much_to_do_says_that_it_works(app: Flask, redis: Any, monkeypatch: Any) -> None:
    monkeypatch.setattr(recording, "BATCH", 2)
    add(redis, 2)
    redis.xadd(STREAM, {"e": json.dumps({"id": "late", "type": "sent", "at": utcnow().timestamp()})}, id="*")
    recorder = Recorder(app, redis, "one")
    recorder.turn(utcnow())  # a whole batch: nothing is swept, yet it tells
    word = heartbeats.recorders(redis, utcnow())[0]
    assert word.per_minute == 2
    assert word.behind_seconds > 0


def test_silence_is_not_work(app: Flask, redis: Any) -> None:
    told = datetime(2026, 10, 20, tzinfo=UTC).timestamp()
    redis.hset(heartbeats.RECORDERS, "old", json.dumps({"at": told, "recorded": 1, "pid": 1}))
    assert not heartbeats.recorders(redis, utcnow())[0].alive
