"""Runs of another app's tasks: sent to its own broker as its workers read them, or refused and why."""

import base64
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from flask import Flask

from app import catalog, queues, runs, schedules
from app.catalog import published
from app.clock import utcnow
from app.config import ConfigError, load_settings, without_secrets
from app.errors import Conflict, Invalid, NotFound
from app.extensions import db
from app.runs import RunRequest, bulk, outbox, states
from app.runs.models import Run
from celeriac_agent import tasks
from tests.conftest import RedisServer, let_in

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
TASK = {
    "name": "shop.charge", "fingerprint": "f", "queue": "orders",
    "parameters": [{"name": "amount", "kind": "POSITIONAL_OR_KEYWORD", "schema": {"type": "integer"}}],
}  # fmt: skip


def publish(name: str = "shop", task: dict[str, Any] | None = None, **delivery: Any) -> None:
    told = {"broker": "redis", "options": {"global_keyprefix": "p:"}} | delivery
    document = {"v": 1, "delivery": told, "tasks": [task or TASK]}
    published.take_in(name, tasks.digest([name, document]), document, NOW)
    published.forget_what_was_read()


@pytest.fixture
def theirs(app: Flask, own_redis: RedisServer, monkeypatch: pytest.MonkeyPatch) -> RedisServer:
    """The broker of the app `shop`, which CELERIAC_BROKERS names."""
    url = own_redis.url.replace("unix://", "redis+socket://").replace("?db=", "?virtual_host=")
    monkeypatch.setattr(app.config["SETTINGS"], "brokers", {"shop": url, "away": "redis://127.0.0.1:1/0"})
    publish()
    return own_redis


def waiting(server: RedisServer, key: str = "p:orders") -> list[dict[str, Any]]:
    raw: Any = server.client.lrange(key, 0, -1)
    return [json.loads(one) for one in raw]


def submit(**more: Any) -> Run:
    run = runs.submit(RunRequest("shop.charge", [5], **more), utcnow())
    return row(run.id)


def row(run_id: str) -> Run:
    db.session.rollback()
    found = db.session.get(Run, run_id)
    assert found is not None
    return found


@pytest.mark.database
def test_a_message_lies_in_their_queue_under_their_prefix(theirs: RedisServer) -> None:
    run = submit(requested_by="mei")
    assert (run.app, run.queue, run.priority, run.outbox) == ("shop", "orders", None, None)
    assert run.sent_at is not None
    [message] = waiting(theirs)
    assert (message["headers"]["id"], message["headers"]["task"]) == (run.id, "shop.charge")
    assert json.loads(base64.b64decode(message["body"]))[:2] == [[5], {}]
    assert theirs.client.keys("*") == [b"p:orders"]  # no binding, no other key


@pytest.mark.parametrize(("steps", "lists"), [
    (None, {9: "p:orders", 7: "p:orders", 5: "p:orders\x06\x163", 0: "p:orders\x06\x169"}),
    (list(range(10)), {9: "p:orders", 5: "p:orders\x06\x164", 0: "p:orders\x06\x169"}),
])  # fmt: skip
def test_a_priority_goes_to_a_step_that_they_read(
    theirs: RedisServer, steps: Any, lists: dict[int, str]
) -> None:
    publish(options={"global_keyprefix": "p:"} | ({"priority_steps": steps} if steps else {}))
    for priority, key in lists.items():
        run = submit(priority=priority)
        assert run.id in [one["headers"]["id"] for one in waiting(theirs, key)]
    assert {key.decode() for key in theirs.client.keys("*")} == set(lists.values())


def test_arguments_are_checked_first(theirs: RedisServer) -> None:
    with pytest.raises(Invalid):
        runs.submit(RunRequest("shop.charge", ["x"]), utcnow())
    for app in ("celeriac", "nobody"):
        with pytest.raises(Invalid, match=r"app: .* one of this name: shop"):
            runs.submit(RunRequest("shop.charge", [1], app=app), utcnow())
    with pytest.raises(NotFound):
        runs.submit(RunRequest("shop.gone", [1], app="shop"), utcnow())
    assert waiting(theirs) == []


def test_a_broker_that_is_not_named_is_not_written_to(theirs: RedisServer, caller: Any) -> None:
    publish("mail", TASK | {"name": "mail.send"})
    with pytest.raises(Conflict, match="CELERIAC_BROKERS") as refused:
        runs.submit(RunRequest("mail.send", [1]), utcnow())
    assert refused.value.code == "another-app"
    answer = caller("operator").post("/runs", json={"task_name": "mail.send", "args": [1]})
    assert answer.status_code == 409
    assert "whose broker Celeriac does not know" in caller_page(caller, "mail.send")


def caller_page(caller: Any, name: str) -> str:
    user = caller("operator")
    let_in(user._client, user.user)
    return str(user._client.get(f"/tasks/{name}").text)


def test_two_apps_with_the_task_must_be_told_apart(theirs: RedisServer, caller: Any) -> None:
    publish("mail")
    with pytest.raises(Invalid, match="mail, shop"):
        runs.submit(RunRequest("shop.charge", [1]), utcnow())
    api = caller("operator")
    assert api.post("/runs", json={"task_name": "shop.charge", "args": [1]}).json["errors"].keys() == {"app"}
    sent = api.post("/runs", json={"task_name": "shop.charge", "args": [1], "app": "shop"})
    assert (sent.status_code, sent.json["app"]) == (202, "shop")
    assert len(waiting(theirs)) == 1


@pytest.mark.database
def test_while_their_broker_is_away_it_is_kept_and_ours_goes_on(theirs: RedisServer) -> None:
    publish("away", TASK | {"name": "away.do"})
    run = runs.submit(RunRequest("away.do", [1]), utcnow())
    assert row(run.id).outbox is not None
    ours = runs.submit(RunRequest("sample_tasks.plain", [1]), utcnow())
    later = utcnow() + timedelta(seconds=6)
    assert queues.why(row(run.id), later).reason == "not-sent"
    outbox.sweep(later)
    assert (row(run.id).state, row(run.id).outbox is not None) == (states.PENDING, True)
    assert row(ours.id).state == states.PENDING


@pytest.mark.database
def test_a_message_that_is_out_is_not_sent_again(theirs: RedisServer) -> None:
    """Its sender died before it could note that."""
    run = submit()
    kept = {"args": [5], "kwargs": {}, "expires": None}
    db.session.execute(Run.__table__.update().values(outbox=kept, send_at=utcnow()))
    db.session.commit()
    outbox.sweep(utcnow() + timedelta(seconds=1))
    assert len(waiting(theirs)) == 1
    assert row(run.id).outbox is None


def test_run_again_and_cancelled_there(theirs: RedisServer) -> None:
    run = submit()
    new = runs.rerun(run, "mei", utcnow())
    assert (row(new.id).app, row(new.id).rerun_of) == ("shop", run.id)
    assert len(waiting(theirs)) == 2
    assert runs.cancel(row(run.id), False, "mei", utcnow()) == "revoked"
    assert len(waiting(theirs)) == 2  # its worker drops it when it takes it
    assert bulk.verdicts.judge("cancel", row(new.id)).code == "act"


def test_a_schedule_fires_there(theirs: RedisServer) -> None:
    definition = {"name": "s", "task_name": "shop.charge", "task_type": "interval", "interval_seconds": 60}
    made = schedules.create(schedules.Definition(**definition, args=[7]), "mei", utcnow())
    run = schedules.run_now(made.id, "mei", utcnow())
    assert (row(run.id).app, len(waiting(theirs))) == ("shop", 1)
    publish("mail", TASK | {"name": "mail.send"})
    with pytest.raises(Invalid, match="does not name"):
        schedules.create(
            schedules.Definition(**definition | {"name": "t", "task_name": "mail.send"}), "mei", utcnow()
        )


def test_pages_of_their_tasks(theirs: RedisServer, signed_in: Any, caller: Any) -> None:
    browser, api = signed_in("admin"), caller("admin")
    assert "App shop" in browser.get("/tasks").text
    page = browser.get("/tasks/shop.charge?app=shop").text
    assert "No worker online knows this task" in page
    assert 'name="p-amount"' in page
    assert browser.get("/tasks/shop.charge?app=none").status_code == 404
    found = api.get("/tasks/shop.charge?app=shop").json
    assert (found["app"], found["known_by"]) == ("shop", {"same": [], "other": [], "none": []})
    assert api.get("/tasks/shop.charge?what=1").status_code == 422
    names, cursor = [], ""
    while cursor is not None:
        answer = api.get(f"/tasks?limit=5&cursor={cursor}" if cursor else "/tasks?limit=5").json
        names += [one["name"] for one in answer["items"]]
        cursor = answer["next_cursor"]
    assert names == [info.name for info in catalog.listing()]
    assert names[-1] == "shop.charge"
    refused = api.post("/tasks/shop.charge/limits", json={"rate_limit": "1/s"})
    assert (refused.status_code, refused.json["code"]) == (409, "another-app")


@pytest.mark.parametrize("value", ["shop", "shop=http://x", "redis://x/0", "shop=amqp://u:p@ss@h/v"])
def test_a_wrong_setting(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    monkeypatch.setenv("CELERIAC_BROKERS", value)
    with pytest.raises(ConfigError, match="CELERIAC_BROKERS"):
        load_settings()


def test_the_setting(monkeypatch: pytest.MonkeyPatch) -> None:
    value = "shop=redis://:geheim@h:1/0, mail=amqp://u:geheim@h/v,big=sentinel://a:1;sentinel://b:2"
    monkeypatch.setenv("CELERIAC_BROKERS", value)
    assert load_settings().brokers == {
        "shop": "redis://:geheim@h:1/0", "mail": "amqp://u:geheim@h/v", "big": "sentinel://a:1;sentinel://b:2",
    }  # fmt: skip
    assert "geheim" not in without_secrets("CELERIAC_BROKERS", value)
