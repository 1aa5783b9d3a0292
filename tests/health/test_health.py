"""The probes, `doctor` and the metrics, with everything up and with parts away."""

import json
import re
import socket
import threading
import time
from collections.abc import Callable
from contextlib import redirect_stdout
from datetime import UTC, datetime
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
import redis as redis_client
from flask import Flask
from flask.testing import FlaskClient
from flask_migrate import upgrade
from sqlalchemy import event

from app import broker, create_app, short_cache
from app.broker import dead_letters, starts
from app.cli import quick_health
from app.config import Settings
from app.extensions import db, transaction
from app.heartbeats import BEATS, RECORDERS, WORKERS
from app.runs import states
from app.runs.models import Run

HOST = socket.gethostname()


def worker_entry(hostname: str, age: float = 0.0) -> dict[str, Any]:
    """What a worker told of itself so many seconds ago."""
    entry = {"hostname": hostname, "state": "online", "heartbeat_at": time.time() - age, "pid": 1, "slots": 2}
    entry |= {"started_at": time.time() - 60, "pool": "prefork", "autoscale": None, "queues": ["default"]}
    return entry | {"running": [], "finished": 0, "memory_bytes": 0, "load": 0.0, "versions": {}}


@pytest.fixture
def worker_online(redis: redis_client.Redis) -> None:
    redis.hset("celeriac:workers", "w1@here", json.dumps(worker_entry("w1@here")))


def parts(client: FlaskClient, path: str = "/healthz") -> tuple[int, dict[str, Any]]:
    short_cache.forget(client.application)
    answer = client.get(path)
    assert answer.json
    return answer.status_code, answer.json["parts"]


@pytest.mark.database
def test_everything_is_well(client: FlaskClient, say: Callable[..., None], worker_online: None) -> None:
    say(BEATS, "vm-1", 0.4)
    say(BEATS, "vm-2", 3.0)
    say(RECORDERS, "vm-3", 1.0)
    status, found = parts(client)
    assert status == 200
    assert found["beat"]["detail"].startswith("vm-1 0.")  # each beat with its last tick
    assert ", vm-2 3." in found["beat"]["detail"]
    assert found["worker"] == {"ok": True, "detail": "w1@here"}
    assert client.get("/healthz").json["status"] == "ok"  # type: ignore[index]


def test_one_beat_of_two_is_enough(
    client: FlaskClient, say: Callable[..., None], worker_online: None
) -> None:
    say(BEATS, "dead", 90)
    say(BEATS, "alive", 1)
    say(RECORDERS, "r", 1)
    assert parts(client)[0] == 200


@pytest.mark.parametrize("silent", [BEATS, RECORDERS])
def test_silence_fails_and_is_named(
    client: FlaskClient, say: Callable[..., None], worker_online: None, silent: str
) -> None:
    for key in (BEATS, RECORDERS):
        say(key, "vm-1", 60 if key == silent else 1)
    status, found = parts(client)
    name = "beat" if silent == BEATS else "recorder"
    assert status == 503
    assert [part for part, told in found.items() if not told["ok"]] == [name]
    assert "vm-1 60." in found[name]["detail"]


def test_nothing_runs_yet(client: FlaskClient) -> None:
    status, found = parts(client)
    assert status == 503
    assert found["beat"] == {"ok": False, "detail": "none has been heard of"}
    assert found["worker"]["detail"] == "none is online"
    assert parts(client, "/readyz")[0] == 200  # the web process itself can work


def test_redis_away(tmp_path: Any) -> None:
    away = create_app(
        Settings(data_dir=tmp_path, redis_url=f"unix://{tmp_path}/none.sock", base_url="http://localhost")
    )
    browser = away.test_client()
    assert browser.get("/livez").status_code == 200
    answer = browser.get("/readyz")
    assert answer.status_code == 503
    assert answer.json
    assert not answer.json["parts"]["redis"]["ok"]
    with away.app_context():
        upgrade()
    assert "celeriac_redis_up 0.0" in browser.get("/metrics").text


def test_a_database_that_cannot_be_written_to(redis_server: str, tmp_path: Any) -> None:
    settings = Settings(data_dir=tmp_path, redis_url=redis_server, base_url="http://localhost")
    full = create_app(settings)  # of its own: no other test meets its connections
    with full.app_context():
        upgrade()
        event.listen(db.engine, "connect", lambda raw, _: raw.execute("PRAGMA query_only = 1"))
        db.engine.dispose()
    status, found = parts(full.test_client(), "/readyz")
    assert (status, found["database"]["ok"]) == (503, False)


def test_metrics(app: Flask, client: FlaskClient, worker_online: None) -> None:
    at = datetime.now(UTC)
    with transaction() as session:
        session.add(
            Run(id="r1", created_at=at, updated_at=at, task_name="t", state=states.FAILURE, attempt=0)
        )
    broker.client().lpush("mail", "{}")
    told = client.get("/metrics").text
    assert 'celeriac_runs{state="FAILURE"} 1.0' in told
    assert 'celeriac_queue_waiting{queue="mail"} 1.0' in told
    assert "celeriac_worker_slots 2.0" in told
    assert "celeriac_redis_up 1.0" in told


def test_metrics_can_ask_for_a_token(app: Flask, client: FlaskClient) -> None:
    settings = app.config["SETTINGS"]
    app.config["SETTINGS"] = settings.model_copy(update={"metrics_token": "s3cret"})
    try:
        assert client.get("/metrics").status_code == 401
        assert client.get("/metrics", headers={"Authorization": "Bearer wrong"}).status_code == 401
        assert client.get("/metrics", headers={"Authorization": "Bearer s3cret"}).status_code == 200
    finally:
        app.config["SETTINGS"] = settings


def test_doctor(app: Flask, say: Callable[..., None], worker_online: None) -> None:
    runner = app.test_cli_runner()
    failing = runner.invoke(args=["doctor"])
    assert failing.exit_code == 1
    assert "FAIL  beat" in failing.output
    assert "→ Start one: bin/celeriac beat" in failing.output
    say(BEATS, "vm-1")
    say(RECORDERS, "vm-1")
    assert runner.invoke(args=["doctor"]).exit_code == 0, failing.output


def test_doctor_waits_for_what_was_just_started(
    app: Flask, say: Callable[..., None], worker_online: None
) -> None:
    say(BEATS, "vm-1")
    started = threading.Timer(0.5, say, (RECORDERS, "vm-1"))
    started.start()
    said = app.test_cli_runner().invoke(args=["doctor", "--wait", "60"])
    started.join()
    assert said.exit_code == 0, said.output
    assert "FAIL" not in said.output


def starts_of(redis: redis_client.Redis, kind: str, number: int) -> list[str]:
    return [starts.note(redis, kind, "vm-1") for _ in range(number)]


def test_a_process_that_starts_again_and_again_fails_and_heals(
    app: Flask, client: FlaskClient, redis: redis_client.Redis
) -> None:
    starts_of(redis, "worker", 5)
    stopped = starts_of(redis, "beat", 20)
    for mark in stopped:
        starts.ended(redis, mark)
    assert parts(client)[1]["restarts"]["ok"]
    starts_of(redis, "worker", 1)
    status, found = parts(client)
    assert status == 503
    assert found["restarts"] == {"ok": False, "detail": "worker vm-1 started 6 times in 10 minutes"}
    said = app.test_cli_runner().invoke(args=["doctor"]).output
    assert "worker vm-1 started 6 times in 10 minutes" in said
    assert "Look into its log" in said
    assert "celeriac_restarting 1.0" in client.get("/metrics").text
    for mark, at in redis.zrange(starts.STARTS, 0, -1, withscores=True):  # type: ignore[misc,union-attr]
        redis.zadd(starts.STARTS, {mark: float(at) - 601})
    assert parts(client)[1]["restarts"]["ok"]


def test_what_was_set_aside_is_told_and_fails_nothing(
    app: Flask, client: FlaskClient, redis: redis_client.Redis
) -> None:
    assert parts(client)[1]["set aside"] == {"ok": True, "detail": "nothing"}
    dead_letters.set_aside(redis, dead_letters.EVENT, {"id": {}}, "id: Input should be a valid string")
    dead_letters.set_aside(
        redis, dead_letters.HEARTBEAT, b"\xff", "celeriac:beats: x told what cannot be read"
    )
    detail = parts(client)[1]["set aside"]["detail"]
    assert detail.startswith("event 1, heartbeat 1; the last at ")
    assert detail.endswith("celeriac:beats: x told what cannot be read")
    assert detail in app.test_cli_runner().invoke(args=["doctor"]).output
    told = client.get("/metrics").text
    assert 'celeriac_set_aside_total{kind="event"} 1.0' in told
    assert 'celeriac_set_aside_total{kind="message"} 0.0' in told


def test_poisoned_heartbeats_do_not_stop_the_probes(
    client: FlaskClient,
    redis: redis_client.Redis,
    say: Callable[..., None],
    worker_online: None,
    signed_in: Callable[[str], FlaskClient],
) -> None:
    for key in (BEATS, RECORDERS, "celeriac:workers"):
        for number, text in enumerate(
            ["{", "[]", "7", '{"at": {}}', '{"hostname": [], "at": 1e300}', b"\xff"]
        ):
            redis.hset(key, f"bad-{number}", text)
    for key in ("celeriac:paused", "celeriac:paused-workers", "celeriac:hold-new"):
        redis.hset(key, b"\xff", "{")
    say(BEATS, "vm-1", 1)
    say(RECORDERS, "vm-1", 1)
    assert parts(client)[0] == 200
    assert client.get("/metrics").status_code == 200
    browser = signed_in("viewer")
    for path in ("/", "/queues", "/workers", "/schedules", "/api/v1/workers", "/api/v1/queues"):
        assert browser.get(path).status_code in (200, 401), path


def test_a_part_of_a_recorder_that_fails_is_named(
    client: FlaskClient, redis: redis_client.Redis, worker_online: None, say: Callable[..., None]
) -> None:
    say(BEATS, "vm-1", 1)
    word = {"at": time.time(), "failing": {"sending": "KeyError: 'args'"}}
    redis.hset(RECORDERS, "vm-1", json.dumps(word))
    status, found = parts(client)
    assert status == 503
    assert found["recorder"]["detail"].endswith("; sending: KeyError: 'args'")


def test_no_password_shows_when_nothing_can_be_reached(
    tmp_path: Any, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    away = create_app(
        Settings(
            data_dir=tmp_path,
            database_url="postgresql://ann:hunter2@127.0.0.1:1/x",
            redis_url="redis://:hunter2@127.0.0.1:1/0",
            broker_url="amqp://ann:hunter2@127.0.0.1:1//",
            base_url="http://localhost",
        )
    )
    with away.app_context():
        told = away.test_cli_runner().invoke(args=["doctor"])
    assert told.exit_code == 1
    assert told.output.count("FAIL") >= 3
    browser = away.test_client()
    said = [browser.get(path).text for path in ("/healthz", "/readyz", "/metrics", "/login", "/runs")]
    output = capfd.readouterr()
    for text in (told.output, *said, caplog.text, output.out, output.err):
        assert "hunter2" not in text


@pytest.mark.parametrize(
    ("part", "key", "here", "elsewhere"),
    [
        ("beat", BEATS, f"{HOST}-7", "vm-9-7"),
        ("recorder", RECORDERS, f"{HOST}-7", "vm-9-7"),
        ("worker", WORKERS, f"celery@{HOST}", "celery@vm-9"),
    ],
    ids=str,
)
def test_the_process_of_this_machine_by_exit_code(
    app: Flask,
    say: Callable[..., None],
    redis: redis_client.Redis,
    part: str,
    key: str,
    here: str,
    elsewhere: str,
) -> None:
    def ask(*more: str) -> tuple[int, str]:
        said = app.test_cli_runner().invoke(args=["health", "--part", part, *more])
        return said.exit_code, said.output

    say(key, elsewhere, **worker_entry(elsewhere))
    code, words = ask()
    assert (code, "FAIL" in words, elsewhere in words) == (1, True, False)
    assert ask("--host", "vm-9")[0] == 0
    say(key, here, **worker_entry(here))
    code, words = ask()
    assert (code, words.startswith(f"ok    {part}  {here}")) == (0, True)
    assert quickly(app, part) == re.sub(r"[\d.]+ s ago", "", words)  # the same without the app
    say(key, here, failing={"alerts": "why"}, **worker_entry(here))
    assert quickly(app, part) == ""  # that is for the whole command to judge
    say(key, here, 90, **worker_entry(here, 90))
    assert ask()[0] == 1
    assert quickly(app, part) == ""
    redis.hset(key, here, "[]")
    assert quickly(app, part) == ""


def quickly(app: Flask, part: str) -> str:
    """What `health --part` says without the app, save the seconds; empty where it leaves that to the app."""
    with pytest.MonkeyPatch.context() as patched, redirect_stdout(StringIO()) as said:
        patched.setenv("CELERIAC_REDIS_URL", app.config["SETTINGS"].redis)
        assert quick_health.say(["health", "--part", part]) == bool(said.getvalue())
    return re.sub(r"[\d.]+ s ago", "", said.getvalue())


def test_without_redis_the_quick_answer_is_for_the_whole_command(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for address in ("", "redis://127.0.0.1:1/0", "redis//x"):
        monkeypatch.setenv("CELERIAC_REDIS_URL", address)
        monkeypatch.setenv("CELERIAC_DATA_DIR", str(tmp_path))
        assert not quick_health.say(["health", "--part", "beat"])
    assert not quick_health.say(["health"])
    assert not quick_health.say(["health", "--part", "moon"])


def test_the_whole_by_exit_code(app: Flask, say: Callable[..., None], worker_online: None) -> None:
    run = app.test_cli_runner()
    assert run.invoke(args=["health"]).exit_code == 1
    say(BEATS, "vm-1")
    say(RECORDERS, "vm-1")
    assert run.invoke(args=["health"]).exit_code == 0
    for wrong in (["--part", "moon"], ["--host", "vm-1"]):
        assert run.invoke(args=["health", *wrong]).exit_code == 2
