"""What each kind of rule looks for, in queues, schedules and processes that really are so; and its page."""

import json
import time
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
import redis as redis_client
from flask import Flask
from kombu import Connection

from app import broker, runs
from app.alerts import rules, words
from app.alerts.conditions import find
from app.alerts.facts import Facts
from app.alerts.models import AlertRule
from app.broker import connection
from app.broker.priority import PRIORITY_STEPS
from app.clock import utcnow
from app.extensions import db
from app.runs import Run
from app.schedules import Definition
from app.schedules import create as create_schedule
from app.schedules.models import Schedule
from celeriac_agent.keys import keys_of

ADD = "examples.basic.add"


def rule(kind: str, **values: Any) -> AlertRule:
    now = utcnow() - timedelta(days=1)
    return rules.create({"name": f"{kind} {time.monotonic_ns()}", "kind": kind} | values, "ann", now)


def told(one: AlertRule, after: float = 0) -> list[str]:
    found = find(one, [], Facts(utcnow() + timedelta(seconds=after)))
    return [words.line(one.kind, subject.facts) for subject in found]


def waiting(queue: str = "default") -> None:
    runs.submit(runs.RunRequest(ADD, kwargs={"x": 1, "y": 2}, queue=queue), utcnow())


def test_a_queue_that_is_deep_old_and_unattended(app: Flask) -> None:
    for _ in range(3):
        waiting("files")
    assert told(rule("queue_depth", number=3)) == ["Queue files: 3 runs wait"]
    assert told(rule("queue_depth", number=4)) == []
    assert told(rule("queue_depth", number=1, queue="mail")) == []
    oldest = rule("queue_oldest", seconds=600)
    assert told(oldest) == []
    [text] = told(oldest, 660)
    assert text.startswith("Queue files: the oldest of 3 waiting runs has waited 11 min")
    unattended = rule("queue_unattended", seconds=60)
    assert told(unattended) == []
    assert told(unattended, 61) == ["Queue files: 3 runs wait, and no worker listens to it"]
    broker.pause("files", "bob", "", utcnow())
    assert told(unattended, 61) == []  # nobody is to take them
    paused = rule("queue_paused", seconds=3600)
    assert told(paused, 3590) == []
    [text] = told(paused, 3700)
    assert "paused for 1 h" in text
    assert "by bob; 3 runs wait" in text


def test_workers_have_time_to_start(team: Any) -> None:
    """After an upgrade, for which all was stopped, the recorder may look before a worker is there."""
    team.rule("queue_unattended", seconds=60)
    waiting("files")
    team.now = utcnow()
    assert team.look(600) == []
    assert team.look(20) == []
    assert [body["firing"][0]["subject"] for body in team.look(11)] == ["files"]


def test_a_worker_that_died_and_one_that_left(app: Flask, redis: redis_client.Redis) -> None:
    died = rule("worker_died", seconds=30)
    assert told(died) == []
    at = time.time() - 25
    entry = {"hostname": "w1@test", "state": "online", "heartbeat_at": at, "started_at": at, "pid": 1}
    entry |= {"pool": "prefork", "slots": 2, "queues": ["default"], "running": [{"id": "1", "task": "t"}]}
    redis.hset("celeriac:workers", "w1@test", json.dumps(entry))
    assert told(died) == []
    assert told(died, 10) == ["Worker w1@test went silent 35 s ago with 1 runs"]
    redis.hset("celeriac:workers", "w1@test", json.dumps(entry | {"state": "offline", "running": []}))
    assert told(died, 10) == []  # it said goodbye


def test_a_recorder_and_a_beat_that_are_silent(app: Flask, redis: redis_client.Redis) -> None:
    for kind, key, name in (
        ("recorder_silent", "celeriac:recorders", "recorder"),
        ("beat_silent", "celeriac:beats", "beat"),
    ):
        one = rule(kind, seconds=30)
        assert told(one) == [f"No {name} has been heard of"]
        redis.hset(key, "a", json.dumps({"at": time.time()}))
        redis.hset(key, "b", json.dumps({"at": time.time() - 500}))
        assert told(one) == []
        assert told(one, 40)[0].startswith(f"No {name} has been heard of for 4")


def test_none_heard_of_at_all_fires_only_when_it_lasts(team: Any) -> None:
    """A beat that is only restarted wakes nobody."""
    team.rule("beat_silent", seconds=30)
    assert team.look(5) == []
    assert team.look(20) == []
    [message] = team.look(15)
    assert message["firing"][0]["text"] == "No beat has been heard of"


def test_a_schedule_that_is_late(app: Flask) -> None:
    now = utcnow()
    definition = Definition(name="Digest", task_name=ADD, task_type="interval", interval_seconds=60)
    row = create_schedule(Definition(**vars(definition) | {"kwargs": {"x": 1, "y": 2}}), "ann", now, {})
    one, other = rule("schedule_late", seconds=300), rule("schedule_late", seconds=60, schedule_id=row.id)
    due = db.session.get_one(Schedule, row.id).next_due_at
    assert due is not None
    after = (due - now).total_seconds()
    assert told(one, after + 290) == []
    assert told(one, after + 330)[0].startswith("Digest is late by 5 min")
    assert told(other, after + 100)[0].startswith("Digest is late by 1 min")


@pytest.mark.parametrize(
    ("kind", "state", "word"),
    [("schedule_missed", "MISSED", "missed"), ("schedule_skipped", "SKIPPED", "skipped")],
)
def test_fires_that_did_not_happen(team: Any, kind: str, state: str, word: str) -> None:
    definition = Definition(name="Digest", task_name=ADD, task_type="interval", interval_seconds=60)
    row = create_schedule(Definition(**vars(definition) | {"kwargs": {"x": 1, "y": 2}}), "ann", utcnow(), {})
    made = team.rule(kind, schedule_id=row.id, window_seconds=30)
    team.run(ADD, state=state, schedule_id=row.id)
    team.run(ADD, state=state, schedule_id=row.id + 1)
    [message] = team.look(5)
    [one] = message["firing"]
    assert (one["text"], one["url"]) == (f"Digest {word} 1 fire", f"http://localhost/schedules/{row.id}")
    assert team.look(60) == []
    team.run(ADD, state=state, schedule_id=row.id)
    [message] = team.look(5)  # what was told is not told again
    assert message["firing"][0]["text"] == f"Digest {word} 1 fire, 2 in all"
    assert team.look(900) == []  # it has no end that is worth a message
    assert [one.state for one in rules.listing(team.now) if one.rule.id == made.id] == ["fine"]


def test_memory_and_disk_nearly_full(app: Flask, redis: redis_client.Redis) -> None:
    assert told(rule("disk", number=1))[0].startswith("The disk of the data folder is ")
    used: Any = redis.info("memory")
    redis.config_set("maxmemory", int(used["used_memory"] * 1.5))
    try:
        [text] = told(rule("redis_memory", number=50))
        assert text.startswith("Redis uses 6")
        assert told(rule("redis_memory", number=90)) == []
    finally:
        redis.config_set("maxmemory", 0)


@pytest.fixture
def stoppable(app: Flask, redis: redis_client.Redis, own_redis: Any) -> Iterator[Any]:
    """The Redis that the app reads from then on: with one waiting run, and the test may stop it."""
    waiting()
    for key in redis.scan_iter():
        own_redis.client.restore(key, 0, redis.dump(key))
    url = app.config["SETTINGS"].model_copy(update={"redis_url": own_redis.url}).celery_redis_url
    before = app.extensions.pop("broker")
    channel = connection.channel_of(Connection(url, transport_options={"priority_steps": PRIORITY_STEPS}))
    client = connection._client_of(channel)
    app.extensions["broker"] = connection.Broker(client, keys_of(channel), connection.scripts_of(client))
    yield own_redis
    broker.reset()
    app.extensions["broker"] = before


def test_redis_is_away(team: Any, stoppable: Any) -> None:
    """Its own alert fires; a queue that was deep stays so, for nobody knows; the others are looked at."""
    team.rule("queue_depth", number=1)
    team.rule("redis_silent", seconds=30)
    team.rule("run_failed", window_seconds=30)
    assert [one["kind"] for one in team.look(5)] == ["queue_depth"]
    stoppable.kill()
    assert team.look(5) == []
    team.run()
    assert [one["kind"] for one in team.look(5)] == ["run_failed"]
    [message] = team.look(25)
    assert message["firing"][0]["text"] == "Redis has not answered for 30 s"
    assert [one.state for one in rules.listing(team.now)] == ["firing"] * 3
    stoppable.start()
    [message] = team.look(300)
    assert (message["kind"], message["status"]) == ("redis_silent", "recovered")
    assert message["recovered"][0]["text"] == "Redis is well again"


def test_a_redis_that_is_restarted_wakes_nobody(team: Any, stoppable: Any) -> None:
    team.rule("redis_silent", seconds=30)
    stoppable.kill()
    assert team.look(25) == []
    stoppable.start()
    assert team.look(25) == []


def test_every_link_leads_to_a_page(team: Any, signed_in: Any) -> None:
    browser = signed_in("viewer")
    waiting()
    for kind, values in (
        ("run_failed", {}),
        ("failures_in_row", {"number": 1}),
        ("new_failure", {}),
        ("queue_depth", {"number": 1}),
        ("beat_silent", {"seconds": 1}),
        ("disk", {"number": 1}),
    ):
        team.rule(kind, **values)
    team.run()
    team.run()
    found = [
        subject.path
        for one in rules.listing(team.now)
        for subject in find(one.rule, [], Facts(team.now + timedelta(seconds=5)))
    ]
    assert len(found) == 6
    for path in found:
        answer = browser.get(path)
        assert answer.status_code == 200, path
        assert "cannot be used" not in answer.get_data(True), path
    assert db.session.query(Run).count() == 3
