"""What an agent of another version tells beside what is known here is left out, and said once."""

import json
import zlib
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import redis as redis_client
from flask import Flask

from app import heartbeats
from app.broker.dead_letters import EVENT, KEPT, SetAside, counted
from app.catalog.published import published
from app.clock import utcnow
from app.extensions import db
from app.recorder import unknown_facts
from app.recorder.catalogs import Reader
from app.recorder.recorder import Recorder
from app.recorder.stream import EventReader
from app.recorder.unknown_facts import UnknownFacts
from app.runs.models import Run
from celeriac_agent.presence import CATALOG_PREFIX
from celeriac_agent.settings import OWN_APP
from celeriac_agent.stream import STREAM
from tests.conftest import RedisServer

# What our own worker is to tell of in the test.
KINDS = {"sent", "received", "started", "progress", "retried", "succeeded", "failed", "rejected", "ignored"}
KINDS |= {"revoked", "log"}
NAMES = {"arguments_cut", "result_cut", "expires", "eta", "next_at", "expired", "runtime", "received_at"}
SAID = "these facts are not known here and left out: {}: update Celeriac"


def tell(client: redis_client.Redis, **fields: Any) -> None:
    event = {"id": "r1", "type": "started", "at": 1.0, "task": "t", "worker": "w@shop", "app": "shop", "v": 1}
    client.xadd(STREAM, {"e": json.dumps(event | fields)})


def publish(client: redis_client.Redis, digest: str, **facts: Any) -> str:
    """A catalog for workers whose heartbeat names it."""
    document = {"v": 1, "app": "shop", "left_out": 0, "tasks": [{"name": "a", "fingerprint": "f"}]} | facts
    client.set(CATALOG_PREFIX + digest, zlib.compress(json.dumps(document).encode()))
    return digest


def reader(client: redis_client.Redis) -> EventReader:
    made = EventReader(client, "one")
    made.join()
    return made


def test_an_event_is_recorded_without_them(app: Flask, redis: redis_client.Redis) -> None:
    tell(redis, mood="good", masked=["made up"])
    tell(redis, id="r2", type="sent", worker=None, origin="gen7@web", colour=1)
    Recorder(app, redis, "one").turn(utcnow())
    assert {run.id: run.masked for run in db.session.query(Run)} == {"r1": None, "r2": None}
    assert [entry[1][b"why"].decode() for entry in redis.xrange(KEPT)] == [  # type: ignore[union-attr]
        "w@shop of shop: " + SAID.format("masked, mood"),
        "gen7@web of shop: " + SAID.format("colour"),
    ]
    assert counted(redis).counts == {"event": 2}


def test_they_are_kept_out_of_an_event(redis: redis_client.Redis) -> None:
    tell(redis, mood="good", clock=10.0, at=20.0)
    [entry] = reader(redis).read(10, 10)
    assert entry.event.keys() == {"id", "type", "at", "task", "worker", "app", "v", "clock"}
    assert entry.event["at"] == 10.0


def test_of_a_heartbeat(
    app: Flask, redis: redis_client.Redis, theirs: Any, heard: Any, caplog: pytest.LogCaptureFixture
) -> None:
    theirs(mood="good", slots=3)
    heard("w1@host", mood="good", obeys=["pause"])  # what only workers of other apps tell
    theirs("gone@shop", name="mail", state="offline", colour=1)
    catalogs = Reader()
    for _ in range(3):
        catalogs.poll(utcnow())
    assert counted(redis).counts == {"heartbeat": 2}
    for why in (
        "w1@host of celeriac: " + SAID.format("mood, obeys"),
        "w@shop of shop: " + SAID.format("mood"),
    ):
        assert f"heartbeat: {why}" in caplog.messages
        assert caplog.messages.count(f"heartbeat: {why}") == 1
    [ours] = heartbeats.workers(redis, utcnow())
    assert (ours.obeys, ours.app) == ([], None)
    assert heartbeats.find_worker(redis, "w@shop", utcnow()).slots == 3


@pytest.mark.database
def test_of_a_catalog(app: Flask, redis: redis_client.Redis, theirs: Any) -> None:
    task = {"name": "a", "fingerprint": "f", "weight": 5}
    theirs(catalog=publish(redis, "d1", colours={}, tasks=[task]))
    catalogs = Reader()
    catalogs.poll(utcnow())
    assert counted(redis).counts == {"catalog": 1}
    assert counted(redis).last_why == "w@shop of shop: " + SAID.format("colours, weight")
    theirs(catalog=publish(redis, "d2", colours={}, shapes={}), started_at=utcnow().timestamp())
    catalogs.poll(utcnow())  # a newer version of its code: of the agent only what is news is said
    assert counted(redis).last_why == "w@shop of shop: " + SAID.format("shapes")
    assert {"d1", "d2"} <= published().catalogs.keys()
    kept: Any = redis.xrange(KEPT)
    assert [json.loads(entry[1][b"what"]) for entry in kept] == [
        {"app": "shop", "who": "w@shop", "facts": ["colours", "weight"]},
        {"app": "shop", "who": "w@shop", "facts": ["shapes"]},
    ]


def test_it_is_said_once_an_app(redis: redis_client.Redis, caplog: pytest.LogCaptureFixture) -> None:
    one = reader(redis)
    for number in range(200):
        tell(redis, id=f"r{number}", worker=f"w{number}@shop", mood=number, colour=1)
    assert len(one.read(1000, 10)) == 200
    assert counted(redis).total == len(caplog.messages) == 1
    tell(redis, mood=1, shape="round")
    tell(redis, app="mail", mood=1)
    assert len(one.read(1000, 10)) == 2
    assert caplog.messages[1:] == [
        "event: w@shop of shop: " + SAID.format("shape"),
        "event: w@shop of mail: " + SAID.format("mood"),
    ]
    tell(redis, mood=1)
    assert len(EventReader(redis, "two").read(10, 10)) == 1
    assert counted(redis).total == 4  # another recorder says it again


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("a\nERROR all is lost", "a\ufffdERROR all is lost"),
        ("\x1b[31m\u202e\x00\ud800", "\ufffd[31m\ufffd\ufffd\ufffd"),
        ("x" * 100_000, "x" * 60 + "…"),
        ("", ""),
        ("<script>", "<script>"),
    ],
)
def test_a_hostile_name(
    redis: redis_client.Redis, caplog: pytest.LogCaptureFixture, name: str, shown: str
) -> None:
    tell(redis, **{name: 1})
    assert len(reader(redis).read(10, 10)) == 1
    why = "w@shop of shop: " + SAID.format(shown)
    assert (counted(redis).last_why, caplog.messages) == (why, [f"event: {why}"])


def test_hostile_tellers(redis: redis_client.Redis) -> None:
    tell(redis, worker="w\n" * 100, app="s\r" * 50, **{f"{number:02}" + "x" * 60: 1 for number in range(40)})
    assert len(reader(redis).read(10, 10)) == 1
    why = counted(redis).last_why
    assert why.isprintable()
    assert why.endswith("…: update Celeriac")  # whole: it was not cut where it is kept
    assert why.startswith("w\ufffdw\ufffd")


def test_how_many_are_remembered(redis: redis_client.Redis) -> None:
    unknown = UnknownFacts()
    for number in range(1000):
        unknown.say(redis, EVENT, "shop", "w@shop", [f"x{number}"])
    assert counted(redis).total == unknown_facts.NAMES_MAX
    unknown.say(redis, EVENT, "mail", "w@mail", [f"x{number}" for number in range(1000)])
    assert counted(redis).total == unknown_facts.NAMES_MAX + 1
    for number in range(1000):
        unknown.say(redis, EVENT, f"app{number}", None, ["x"])
    assert counted(redis).total == unknown_facts.NAMES_MAX + 1 + unknown_facts.APPS_MAX - 2
    last_why = f"app{unknown_facts.APPS_MAX - 3}: " + SAID.format("x")
    assert counted(redis).last_why == last_why
    unknown.say(redis, EVENT, "app1", None, ["y"])  # who is remembered can go on
    assert counted(redis).last_why == "app1: " + SAID.format("y")
    remembered = unknown._said
    assert len(remembered) == unknown_facts.APPS_MAX
    assert max(map(len, remembered.values())) == unknown_facts.NAMES_MAX


def test_while_redis_is_full_events_are_read_all_the_same(
    own_redis: RedisServer, caplog: pytest.LogCaptureFixture
) -> None:
    one = reader(own_redis.client)
    tell(own_redis.client, mood=1)
    tell(own_redis.client, id="r2", mood=1)
    own_redis.client.config_set("maxmemory", 1)
    assert [entry.event["id"] for entry in one.read(10, 10)] == ["r1", "r2"]
    said, why_not = caplog.messages
    assert said == "event: w@shop of shop: " + SAID.format("mood")
    assert why_not.startswith("that is in this log alone: ")


def test_what_could_not_be_said_is_said_later(own_redis: RedisServer) -> None:
    unknown = UnknownFacts()
    own_redis.kill()
    with pytest.raises(redis_client.ConnectionError):
        unknown.say(own_redis.client, EVENT, "shop", "w@shop", ["x"])
    own_redis.start()
    unknown.say(own_redis.client, EVENT, "shop", "w@shop", ["x"])
    assert counted(own_redis.client).last_why == "w@shop of shop: " + SAID.format("x")


@pytest.mark.parametrize("pool", ["prefork", "threads"])
def test_of_our_own_worker_nothing_is_unknown(
    app: Flask,
    celery_app: Any,
    redis: redis_client.Redis,
    processes: Any,
    eventually: Any,
    tmp_path: Path,
    pool: str,
) -> None:
    processes.worker("-c", "2", "-P", pool)
    for name in ("flaky", "fail", "ignore", "reject", "retry_later"):
        celery_app.send_task(f"sample_tasks.{name}")
    celery_app.send_task("sample_tasks.resize", kwargs={"folder": "a"}, countdown=1, expires=3600)
    celery_app.send_task("sample_tasks.plain", expires=utcnow() - timedelta(hours=1))
    celery_app.send_task("sample_tasks.plain", ["x" * 2_000_000])
    celery_app.send_task("sample_tasks.large_result", [2_000_000])
    go_on = tmp_path / "go on"
    celery_app.send_task("sample_tasks.wait_and_talk", [str(go_on)])
    one, catalogs, told = reader(redis), Reader(), []

    def everything() -> bool:
        told.extend(entry.event for entry in one.read(1000, 10))
        kinds, names = {event["type"] for event in told}, {name for event in told for name in event}
        if "started" in kinds:  # of a run that is soon over its end alone may be told
            go_on.touch()
        return kinds >= KINDS and names >= NAMES

    eventually(everything, 60)
    catalogs.poll(utcnow())
    [worker] = heartbeats.workers(redis, utcnow())
    assert "sample_tasks.at_a_rate" in worker.rates
    assert worker.catalog == published().newest[OWN_APP]
    assert counted(redis) == SetAside({})
