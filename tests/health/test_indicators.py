"""The foot of the sidebar: broker, scheduler and events, all right, late and failed; and its live part."""

import json
import re
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import redis as redis_client
from flask import Flask
from flask.testing import FlaskClient
from flask_migrate import upgrade

from app import create_app, heartbeats, schedules, short_cache
from app.accounts import users
from app.clock import utcnow
from app.config import Settings
from app.extensions import transaction
from app.heartbeats import BEATS, RECORDERS, RecorderStatus
from app.pages import status_bar
from app.pages.status_bar import Indicator, SystemStatus
from app.runs import endings
from app.runs.failures import acts, inbox
from app.runs.failures.inbox import FailureFilter
from app.runs.models import Run
from app.web import words

Say = Callable[..., None]
SignedIn = Callable[[str], FlaskClient]


@pytest.fixture
def shown(app: Flask) -> Callable[[], dict[str, Indicator]]:
    """The signs by their label."""

    def read() -> dict[str, Indicator]:
        with app.test_request_context():
            short_cache.forget(app, status_bar.CACHED_AS)
            return {sign.label: sign for sign in status_bar.indicators(utcnow(), words.amount)}

    return read


def beat_at_work(say: Say, age: float = 0.0) -> None:
    say(BEATS, "vm-1", age, started_at=time.time() - 600, fired=3)


def test_all_is_well(shown: Any, say: Say) -> None:
    beat_at_work(say)
    say(RECORDERS, "vm-2", per_minute=30, behind_seconds=0.0)
    say(RECORDERS, "vm-3", per_minute=8, behind_seconds=0.0)
    found = shown()
    assert [sign.kind for sign in found.values()] == ["", "", ""]
    assert re.fullmatch(r"Redis, \d+ ms", found["Broker"].word)
    assert found["Scheduler"].word == "On time"
    assert "vm-1" in found["Scheduler"].detail
    assert found["Events"].word == "38 / min"
    assert "vm-2, vm-3" in found["Events"].detail


def test_nothing_runs(shown: Any) -> None:
    found = shown()
    assert [(sign.kind, sign.word) for sign in found.values()][1:] == [("failed", "Not running")] * 2
    assert found["Broker"].kind == ""


def test_silence_says_since_when(shown: Any, say: Say) -> None:
    beat_at_work(say, 245)
    say(RECORDERS, "vm-2", 40)
    say(RECORDERS, "vm-3", 400)
    found = shown()
    assert (found["Scheduler"].kind, found["Scheduler"].word) == ("failed", "Silent 4 min")
    assert (found["Events"].kind, found["Events"].word) == ("failed", "Silent 40 s")


def test_one_of_two_is_enough(shown: Any, say: Say) -> None:
    beat_at_work(say)
    say(BEATS, "gone", 300, started_at=0, fired=0)
    say(RECORDERS, "gone", 300, per_minute=99, behind_seconds=80.0)
    say(RECORDERS, "vm-2", per_minute=1)
    found = shown()
    assert (found["Scheduler"].kind, found["Events"].kind) == ("", "")
    assert found["Events"].word == "1 / min"  # of those at work


def test_a_recorder_that_is_behind(shown: Any, say: Say) -> None:
    say(RECORDERS, "vm-2", 3, per_minute=5000, behind_seconds=1.0)
    say(RECORDERS, "vm-3", 0, per_minute=5000, behind_seconds=90.0)  # the latest word counts
    sign = shown()["Events"]
    assert (sign.kind, sign.word) == ("late", "1 min behind")


@pytest.mark.parametrize(("late", "enabled", "kind"), [(90, True, "late"), (30, True, ""), (90, False, "")])
def test_a_beat_that_does_not_fire(
    app: Flask, shown: Any, say: Say, late: int, enabled: bool, kind: str
) -> None:
    beat_at_work(say)
    definition = schedules.Definition(
        name="digest", task_name="sample_tasks.plain", task_type="interval", interval_seconds=60, args=[1]
    )
    made = schedules.create(definition, "ada", utcnow())
    with transaction():
        made.next_run_at, made.enabled = utcnow() - timedelta(seconds=late), enabled
    sign = shown()["Scheduler"]
    assert sign.kind == kind
    assert sign.word == ("1 late" if kind else "On time")


def test_rabbitmq_is_named_and_may_be_away(tmp_path: Path, redis_server: str, redis: Any) -> None:
    urls = {"redis_url": redis_server, "broker_url": "amqp://guest:guest@127.0.0.1:1//"}
    other = create_app(Settings(data_dir=tmp_path, base_url="http://localhost", **urls))
    with other.app_context(), other.test_request_context():
        upgrade()
        sign = status_bar.indicators(utcnow(), words.amount)[0]
        assert (sign.kind, sign.word) == ("failed", "No answer")
        assert "RabbitMQ" in sign.detail
        assert status_bar._broker(SystemStatus(0.003, [], 0, [])).word == "RabbitMQ, 3 ms"
        assert status_bar.indicators(utcnow(), words.amount)[1].word == "Not running"  # Redis does answer


def test_a_slow_broker_is_late(app: Flask) -> None:
    with app.test_request_context():
        assert status_bar._broker(SystemStatus(0.251, [], 0, [])).kind == "late"
        assert status_bar._broker(SystemStatus(0.0001, [], 0, [])).word == "Redis, 1 ms"


def test_a_word_of_the_version_before_is_understood(shown: Any, say: Say) -> None:
    say(RECORDERS, "old", recorded=7)
    assert shown()["Events"].word == "0 / min"


def test_what_was_read_is_kept_for_a_moment(app: Flask, say: Say) -> None:
    with app.test_request_context():
        assert status_bar.indicators(utcnow(), words.amount)[2].word == "Not running"
        say(RECORDERS, "vm-2", per_minute=4)
        assert status_bar.indicators(utcnow(), words.amount)[2].word == "Not running"
        short_cache.forget(app, status_bar.CACHED_AS)
        assert status_bar.indicators(utcnow(), words.amount)[2].word == "4 / min"


def test_the_latest_recorder_comes_first(app: Flask, redis: redis_client.Redis, say: Say) -> None:
    say(RECORDERS, "a", 3, per_minute=1, behind_seconds=0.5)
    say(RECORDERS, "b", 1)
    found = heartbeats.recorders(redis, utcnow())
    assert [word.name for word in found] == ["b", "a"]
    assert found[1] == RecorderStatus("a", found[1].heartbeat_at, 1, 0.5, True)


def frame(browser: FlaskClient, **query: str) -> Any:
    return browser.get("/frame", query_string=query, headers={"HX-Request": "true"})


def test_the_live_part_says_nothing_while_nothing_changes(
    app: Flask, signed_in: SignedIn, redis: redis_client.Redis, say: Say
) -> None:
    browser = signed_in("viewer")
    first = frame(browser, here="runs").text
    assert re.search(r'href="/runs" aria-current="page"', first)
    assert first.count("aria-current") == 1
    version = re.search(r"version=([0-9a-f]+)", first)
    assert version
    assert frame(browser, here="runs", version=version[1]).status_code == 204
    assert frame(browser, here="queues", version=version[1]).status_code == 200
    add_failed(3)
    changed = frame(browser, here="runs", version=version[1])
    assert changed.status_code == 200
    assert "1 open kind of failure in 24 h" in changed.text


def test_a_page_and_its_live_part_are_the_same(signed_in: SignedIn) -> None:
    browser = signed_in("viewer")
    page = browser.get("/runs").text
    version = re.search(r"/frame\?here=runs&amp;version=([0-9a-f]+)", page)
    assert version
    assert frame(browser, here="runs", version=version[1]).status_code == 204


def test_the_live_part_is_for_those_signed_in(client: FlaskClient) -> None:
    assert frame(client, here="runs").status_code == 401


@pytest.mark.parametrize("here", ["", "none", '"><script>', "x" * 3000])
def test_an_unknown_page_marks_nothing(signed_in: SignedIn, here: str) -> None:
    answer = frame(signed_in("viewer"), here=here)
    assert answer.status_code == 200
    assert "aria-current" not in answer.text
    assert "<script" not in answer.text


def add_failed(number: int, state: str = "FAILURE", hours: float = 1, task: str = "") -> None:
    at = utcnow() - timedelta(hours=hours)
    with transaction() as session:
        for _ in range(number):
            run_id = f"{state}-{hours}-{_}"
            values = {
                "task_name": f"{task}{_}" if task else "t",
                "state": state,
                "attempt": 0,
                "ended_at": at,
            }
            session.add(Run(id=run_id, created_at=at, updated_at=at, **values))
        session.flush()
        endings.note_these([f"{state}-{hours}-{n}" for n in range(number)])


@pytest.mark.database
def test_open_kinds_of_failures_are_counted_for_a_day(app: Flask, signed_in: SignedIn) -> None:
    browser = signed_in("viewer")
    assert "open kind" not in frame(browser).text
    add_failed(2)
    assert "1 open kind of failure in 24 h" in frame(browser).text
    add_failed(2, "LOST", 23.9, "lost")
    add_failed(4, "FAILURE", 24.1, "old")
    add_failed(5, "SUCCESS", task="good")
    assert "3 open kinds of failures in 24 h" in frame(browser).text
    kinds = inbox.ids(FailureFilter(task_name="t", at=utcnow()), 10)
    acts.apply("ignore", kinds, "ann", utcnow(), {})
    assert "2 open kinds of failures in 24 h" in frame(browser).text


def test_very_many_failures_are_not_counted_to_the_end(app: Flask, signed_in: SignedIn) -> None:
    add_failed(1001, task="t")
    assert "999+" in frame(signed_in("viewer")).text


def worker(redis: redis_client.Redis, name: str, age: float) -> None:
    entry = {"hostname": name, "state": "online", "heartbeat_at": time.time() - age, "pid": 1, "slots": 2}
    entry |= {"started_at": time.time() - 600, "pool": "prefork", "autoscale": None, "queues": ["default"]}
    redis.hset("celeriac:workers", name, json.dumps(entry))


def test_silent_workers_are_counted(signed_in: SignedIn, redis: redis_client.Redis) -> None:
    browser = signed_in("viewer")
    worker(redis, "w1@here", 0)
    worker(redis, "w2@here", 1)
    assert '<span aria-hidden="true">2</span>' in frame(browser).text
    worker(redis, "w2@here", 60)
    text = frame(browser).text
    assert '<span aria-hidden="true">1/2</span>' in text
    assert "1 of 2 workers online" in text


@pytest.fixture
def away(tmp_path: Path) -> Flask:
    """An app whose Redis is away."""
    url = f"unix://{tmp_path}/none.sock"
    return create_app(Settings(data_dir=tmp_path, redis_url=url, base_url="http://localhost"))


def test_every_page_stands_while_redis_is_away(away: Flask, enter: Callable[..., None]) -> None:
    browser = away.test_client()
    with away.app_context():
        upgrade()
        enter(browser, users.create("mei", "admin", utcnow()))
    for path in ("/", "/tasks", "/runs", "/schedules", "/search?q=mail", "/settings", "/audit"):
        answer = browser.get(path)
        assert answer.status_code == 200, path
        assert "No answer" in answer.text, path
        assert answer.text.count("Unknown") >= 2, path
    assert 'href="/queues/mail"' in browser.get("/search?q=mail").text  # the declared ones are known anyway
    for path in ("/queues", "/workers", "/workflows"):
        answer = browser.get(path)
        assert answer.status_code < 500 or "does not answer" in answer.text, path
    assert frame(browser, here="runs").status_code == 200
