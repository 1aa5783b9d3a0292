"""The recorder's turn: what is poisoned is set aside, what fails fails alone, and the rest is done."""

import json
from datetime import timedelta
from typing import Any

import pytest
import redis as redis_client
from flask import Flask

from app.broker.dead_letters import counted
from app.clock import utcnow
from app.extensions import db, transaction
from app.heartbeats import WORKERS, recorders
from app.recorder.recorder import Recorder
from app.recorder.stream import ALIVE_PREFIX, ALIVE_SECONDS, EventReader
from app.runs import states
from app.runs.models import Run
from celeriac_agent.stream import STREAM

pytestmark = pytest.mark.database


def event(run_id: str, **fields: Any) -> str:
    return json.dumps({"id": run_id, "type": "sent", "at": 1.0, "task": "t", "queue": "default"} | fields)


def waiting_run(run_id: str) -> None:
    """A run whose message was never sent."""
    now = utcnow()
    payload = {"args": [1], "kwargs": {}, "expires": None}
    with transaction() as session:
        session.add(
            Run(
                id=run_id,
                created_at=now,
                updated_at=now,
                task_name="sample_tasks.plain",
                state=states.PENDING,
                queue="default",
                priority=5,
                send_at=now - timedelta(seconds=9),
                outbox=payload,
            )
        )


def test_a_batch_with_poison_is_recorded_without_it(app: Flask, redis: redis_client.Redis) -> None:
    recorder = Recorder(app, redis, "one")
    recorder.turn(utcnow())
    deep = "[" * 100_000
    for text in (
        event("a"),
        event("b", task=["t"]),
        event("c", type="log", started_at=1.0, piece=0, lines=[]),
        "not json",
        deep,
        event("d", kwargs={"x": "\x00"}, args=[10**400]),
        event("e", error="\x00", type="failed"),
        event("f", args=["\ud800"]),
    ):
        redis.xadd(STREAM, {"e": text})
    redis.xadd(STREAM, {"x": "no event at all"})
    recorder.turn(utcnow())
    assert {run.id for run in db.session.query(Run)} == {"a", "d", "e", "f"}
    assert counted(redis).counts == {"event": 5}
    assert redis.xpending(STREAM, "recorder")["pending"] == 0  # type: ignore[index]


def test_an_event_that_only_the_database_refuses_is_set_aside(app: Flask, redis: redis_client.Redis) -> None:
    recorder = Recorder(app, redis, "one")
    recorder.turn(utcnow())
    recorder._mask = lambda name, args, kwargs: 1 / 0 if args == ["bad"] else (args, kwargs, [])  # type: ignore[assignment,method-assign]
    for text in (event("a", args=[]), event("b", args=["bad"]), event("c", args=[])):
        redis.xadd(STREAM, {"e": text})
    recorder.turn(utcnow())
    assert {run.id for run in db.session.query(Run)} == {"a", "c"}
    assert "ZeroDivisionError" in counted(redis).last_why


def test_a_bad_payload_fails_its_run_alone(app: Flask, redis: redis_client.Redis) -> None:
    bad: list[Any] = [{}, [], 5, {"args": 1, "kwargs": {}}, {"args": [], "kwargs": []}, "text"]
    waiting_run("good")
    for number, payload in enumerate(bad):
        waiting_run(f"bad{number}")
        with transaction():
            db.session.query(Run).filter_by(id=f"bad{number}").update({"outbox": payload})
    Recorder(app, redis, "one").turn(utcnow())
    db.session.expire_all()
    found = {run.id: run for run in db.session.query(Run)}
    assert found["good"].outbox is None
    assert found["good"].sent_at is not None
    for number in range(len(bad)):
        run = found[f"bad{number}"]
        assert (run.state, run.outbox) == (states.FAILURE, None)
        assert "cannot be read" in str(run.error)
    assert counted(redis).counts == {"message": len(bad)}


@pytest.mark.parametrize("part", range(4))
def test_each_part_fails_alone_and_says_so(
    app: Flask, redis: redis_client.Redis, caplog: pytest.LogCaptureFixture, part: int
) -> None:
    recorder, done = Recorder(app, redis, "one"), []
    recorder.turn(utcnow())
    for number, one in enumerate([recorder._sampler, *recorder._parts][:5]):
        one._every = one._next_at = 0.0
        one._work = (lambda now: 1 / 0) if number == part else lambda now, number=number: done.append(number)  # type: ignore[misc]
    recorder._swept = recorder._heartbeat_at = 0.0
    assert recorder.turn(utcnow()) == 0.0
    assert sorted(done) == [number for number in range(5) if number != part]
    failing = [recorder._sampler, *recorder._parts][part]
    assert f"{failing.name} waits 1.0 s: ZeroDivisionError" in caplog.text
    failing._next_at = recorder._swept = recorder._heartbeat_at = 0.0
    recorder.turn(utcnow())
    assert f"{failing.name} waits 5.0 s" in caplog.text
    recorder._heartbeat_at = 0.0
    recorder.send_heartbeat()
    assert recorders(redis, utcnow())[0].failing == {failing.name: "ZeroDivisionError: division by zero"}


def test_a_dead_recorders_batch_is_taken_over(app: Flask, redis: redis_client.Redis) -> None:
    recorder, dead = Recorder(app, redis, "one"), EventReader(redis, "dead")
    recorder.turn(utcnow())
    dead.keep_alive()
    redis.xadd(STREAM, {"e": event("a")})
    assert len(dead.read(10, 10)) == 1
    recorder._steady_since -= ALIVE_SECONDS + 2
    recorder.turn(utcnow())
    assert db.session.get(Run, "a") is None  # its owner lives
    assert 0 < redis.ttl(ALIVE_PREFIX + "dead") <= ALIVE_SECONDS  # type: ignore[operator]  # redis-py's types
    redis.delete(ALIVE_PREFIX + "dead")
    eventually_idle = utcnow() + timedelta(seconds=5)
    while db.session.get(Run, "a") is None and utcnow() < eventually_idle:
        db.session.rollback()
        recorder.turn(utcnow())
    assert db.session.get(Run, "a") is not None


def test_nothing_is_taken_over_just_after_an_outage(app: Flask, redis: redis_client.Redis) -> None:
    """Every recorder gets time to say that it lives."""
    recorder = Recorder(app, redis, "one")
    recorder.turn(utcnow())
    redis.xadd(STREAM, {"e": event("a")})
    assert len(EventReader(redis, "busy").read(10, 10)) == 1
    recorder._steady_since -= ALIVE_SECONDS + 2
    recorder._back_off(redis_client.ConnectionError("gone"))
    for _ in range(3):
        recorder._took_over = 0.0
        recorder.turn(utcnow())
    assert db.session.get(Run, "a") is None


def test_heartbeats_that_cannot_be_read_are_set_aside(app: Flask, redis: redis_client.Redis) -> None:
    bad = ["{", "[]", "null", '{"hostname": {}}', '{"at": "now"}', '{"at": 1e400}', '{"at": 1e300}']
    for key in (WORKERS, "celeriac:beats", "celeriac:recorders"):
        for number, text in enumerate(bad):
            redis.hset(key, f"bad{number}", text)
        redis.hset(key, b"\xff", b"\xff")
    recorder = Recorder(app, redis, "one")
    recorder.turn(utcnow())
    assert redis.hlen(WORKERS) == redis.hlen("celeriac:beats") == 0
    assert redis.hkeys("celeriac:recorders") == [b"one"]
    assert counted(redis).counts == {"heartbeat": 3 * (len(bad) + 1)}
