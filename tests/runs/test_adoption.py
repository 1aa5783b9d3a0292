"""What a plain Celery app sends waits like any other run: a row, a page, a diagnosis and the same counts."""

import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
import redis as redis_client
from celery import Celery
from flask import Flask
from flask.testing import FlaskClient

from app import broker
from app.broker.redis import newcomers
from app.clock import utcnow
from app.extensions import db
from app.recorder.recorder import Recorder
from app.runs import states
from app.runs.models import Run

pytestmark = pytest.mark.database


@pytest.fixture
def producer(app: Flask, celery_app: Celery) -> Any:
    """Sends as a plain Celery app does, of which Celeriac's signals hear nothing."""
    plain = Celery("plain", broker=celery_app.conf.broker_url, set_as_current=False)

    def send(task_name: str = "sample_tasks.plain", args: Any = (1,), **options: Any) -> str:
        with plain.connection_for_write() as connection, connection.Producer() as made:
            run_id = options.pop("task_id", None) or f"plain-{utcnow():%H%M%S%f}"
            about = {"id": run_id, "task": task_name, "lang": "py", "root_id": run_id, "origin": "gen1@else"}
            made.publish(
                [list(args), options.pop("kwargs", {}), {}],
                routing_key=options.pop("queue", "default"),
                headers=about | options.pop("headers", {}),
                **options,
            )
        return str(run_id)

    return send


@pytest.fixture
def turn(app: Flask, redis: redis_client.Redis) -> Callable[[], None]:
    """A second of a recorder's life."""
    recorder = Recorder(app, redis, "one")

    def work() -> None:
        db.session.rollback()
        recorder._swept = 0.0
        for part in recorder._parts:
            part._next_at = 0.0
        recorder.turn(utcnow())
        db.session.rollback()

    return work


def test_a_waiting_foreign_message_is_a_run_everywhere(
    app: Flask,
    producer: Any,
    turn: Callable[[], None],
    caller: Any,
    signed_in: Callable[[str], FlaskClient],
) -> None:
    ids = [producer(), producer(kwargs={"password": "hunter2"}), producer(queue="mail")]
    turn()
    viewer, browser = caller("viewer"), signed_in("viewer")
    for run_id in ids:
        run = viewer.get(f"/runs/{run_id}").json
        assert (run["state"], run["task_name"]) == (states.PENDING, "sample_tasks.plain")
        assert viewer.get(f"/runs/{run_id}/diagnosis").json["reason"] == "no-worker"
        assert browser.get(f"/runs/{run_id}").status_code == 200
    assert viewer.get(f"/runs/{ids[0]}").json["args"] == [1]
    assert "hunter2" not in viewer.get(f"/runs/{ids[1]}").text
    listed = [run["id"] for run in viewer.get("/runs?state=PENDING").json["items"]]
    assert sorted(listed) == sorted(ids)
    waiting = {one["name"]: one["waiting"] for one in viewer.get("/queues").json["items"]}
    assert (waiting["default"], waiting["mail"]) == (2, 1)
    assert [one["id"] for one in viewer.get("/runs?queue=mail").json["items"]] == [ids[2]]
    assert f"/runs/{ids[0]}" in browser.get("/queues/default").text


def test_it_is_taken_in_once_and_its_own_events_come_first(
    app: Flask, producer: Any, turn: Callable[[], None], redis: redis_client.Redis, celery_app: Celery
) -> None:
    run_id = producer()
    event = {"id": run_id, "type": "succeeded", "at": 5.0, "task": "sample_tasks.plain", "result": 3}
    redis.xadd("celeriac:events", {"e": json.dumps(event)})
    turn()
    run = db.session.get(Run, run_id)
    assert run is not None
    assert (run.state, run.result) == (states.SUCCESS, 3)
    before = run.updated_at
    producer()
    turn()
    assert db.session.query(Run).count() == 2
    assert db.session.get(Run, run_id).updated_at == before  # type: ignore[union-attr]
    celery_app.send_task("sample_tasks.plain", args=[1])
    turn()
    assert db.session.query(Run).count() == 3


def test_priority_eta_and_held_ones(app: Flask, producer: Any, turn: Callable[[], None]) -> None:
    broker.hold_new("mail", "ada", "", utcnow())
    held, urgent = producer(queue="mail"), producer(priority=0)
    later = producer(headers={"eta": "2099-01-01T00:00:00+00:00"})
    turn()
    turn()
    found = {run.id: run for run in db.session.query(Run)}
    assert found[held].state == states.HELD
    waits = broker.find("default", urgent)
    assert waits is not None
    assert found[urgent].priority == waits.priority
    assert (found[later].state, found[later].eta_at) == (states.SCHEDULED, datetime(2099, 1, 1, tzinfo=UTC))


def test_what_is_no_run_makes_no_row(
    app: Flask, producer: Any, turn: Callable[[], None], redis: redis_client.Redis, caller: Any
) -> None:
    for bad in ("../../settings", "javascript:alert(1)", {"a": 1}, "x" * 10_000, ["a"]):
        producer(headers={"id": bad})
    producer(headers={"task": ["a", "list"]})
    redis.lpush("default", "not json", "[]", '{"headers": 5}')
    good = producer()
    turn()
    assert [run.id for run in db.session.query(Run)] == [good]
    items = caller("viewer").get("/queues/default/messages").json["items"]
    assert len(items) == 10
    assert sum(one["id"].startswith("foreign-") for one in items) == 9


def test_a_long_line_is_looked_through_once(
    app: Flask, redis: redis_client.Redis, producer: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(newcomers, "PIECE", 20)
    ids = [producer(task_id=f"r{number}") for number in range(75)]
    eyes = newcomers.Newcomers()
    assert sorted(one.id for one in eyes.poll(["default"])) == sorted(ids)
    assert eyes.poll(["default"]) == []
    newer = [producer(task_id=f"n{number}") for number in range(45)]
    assert sorted(one.id for one in eyes.poll(["default"])) == sorted(newer)
    for _ in range(119):
        redis.rpop(broker.keys().level("default", 0).key)
    assert [one.id for one in eyes.poll(["default"])] in ([], [newer[-1]])
