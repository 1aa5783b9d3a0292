"""Schedules of a task that several apps have under one name: each stays with its app."""

import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from flask import Flask
from flask_migrate import downgrade, upgrade
from sqlalchemy import text

from app import runs, schedules
from app.clock import utcnow
from app.errors import Invalid
from app.extensions import db
from app.runs import states
from app.schedules import code_sync, exchange, firing, foreign, history
from app.schedules.models import Schedule
from tests.apps import publish
from tests.conftest import RedisServer

Make = Callable[..., Schedule]
NAME = "both.do"
OURS = "sample_tasks.plain"
NUMBERS = {"mail": 1, "shop": 2}  # of the databases that are their brokers


@pytest.fixture
def brokers(own_redis: RedisServer) -> dict[str, str]:
    """Where the workers of `mail` and of `shop` listen: a database each."""
    url = own_redis.url.replace("unix://", "redis+socket://").split("?")[0]
    return {app: f"{url}?virtual_host={number}" for app, number in NUMBERS.items()}


@pytest.fixture
def both(app: Flask, brokers: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """Both have a task of one name."""
    monkeypatch.setattr(app.config["SETTINGS"], "brokers", brokers)
    for name in brokers:
        publish(name, NAME)
    return brokers


def arrived(server: RedisServer, app: str) -> list[Any]:
    """The arguments of the messages in the app's queue."""
    server.client.execute_command("SELECT", NUMBERS[app])
    raw: Any = server.client.lrange("work", 0, -1)
    return [json.loads(message)["headers"]["argsrepr"] for message in raw]


def fresh(row: Schedule) -> Schedule:
    db.session.rollback()
    return schedules.get(row.id)


@pytest.mark.database
def test_each_fires_at_its_own_broker(
    both: dict[str, str],
    own_redis: RedisServer,
    make: Make,
    processes: Any,
    history: Any,
    eventually: Any,
) -> None:
    named = {app: make(app, utcnow(), task_name=NAME, app=app, interval_seconds=1) for app in both}
    given = ",".join(f"{app}={url}" for app, url in both.items())
    processes.start("beat", "celery", "-A", "celery_worker", "beat", CELERIAC_BROKERS=given)
    for app, row in named.items():
        eventually(lambda row=row: history(row) and history(row)[0].sent_at)
        sent = {run.id for run in history(row) if run.sent_at}
        assert {run.app for run in history(row)} == {app}
        own_redis.client.execute_command("SELECT", NUMBERS[app])
        raw: Any = own_redis.client.lrange("work", 0, -1)
        there = {json.loads(message)["headers"]["id"] for message in raw}
        assert sent <= there <= {run.id for run in history(row)}


@pytest.mark.database
def test_another_app_publishes_a_task_of_that_name_later(
    app: Flask, brokers: dict[str, str], make: Make, fire: Any, history: Any, now: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.setattr(app.config["SETTINGS"], "brokers", brokers)
    publish("shop", NAME)
    row = make(task_name=NAME, args=[7])  # nobody had to say whose
    assert row.app == "shop"
    publish("mail", NAME)
    publish("celeriac", NAME, OURS)
    fire(now + timedelta(minutes=1))
    [run] = history(row)
    assert (run.app, run.queue, run.state) == ("shop", "work", states.PENDING)
    schedules.update(row.id, {"note": "x", "args": [8], "app": "shop"}, "mei", now)
    assert (fresh(row).app, fresh(row).drift) == ("shop", None)


@pytest.mark.database
@pytest.mark.parametrize("theirs", [True, False])
def test_a_fire_never_goes_to_a_namesake(
    both: dict[str, str], theirs: bool, make: Make, fire: Any, history: Any, now: Any, own_redis: RedisServer
) -> None:
    name = NAME if theirs else OURS
    row = make(task_name=name, app="shop" if theirs else "celeriac", args=[] if theirs else [1])
    publish("celeriac", "sample_tasks.other")
    publish("mail", NAME, OURS)
    publish("shop", "shop.other")
    fire(now + timedelta(minutes=1))
    [run] = history(row)
    assert (run.state, run.app) == (states.SKIPPED, "shop" if theirs else None)
    assert "known any more" in run.error
    assert arrived(own_redis, "mail") == arrived(own_redis, "shop") == []
    assert "task_name" in schedules.drift_of(fresh(row), now)
    with pytest.raises(Exception, match="No task named"):
        schedules.run_now(row.id, "mei", now)
    schedules.update(row.id, {"name": "Renamed", "app": row.app}, "mei", now)  # what is there stays
    assert fresh(row).app == ("shop" if theirs else None)
    with pytest.raises(Invalid, match=r"app: .* mail"):
        schedules.update(row.id, {"args": [2]}, "mei", now)
    schedules.update(row.id, {"app": "mail"}, "mei", now)
    assert fresh(row).app == "mail"


def test_rest_asks_for_the_app(both: dict[str, str], caller: Any) -> None:
    api = caller("operator")
    body = {"name": "s", "task_name": NAME, "task_type": "interval", "interval_seconds": 60}
    for wrong in ({}, {"app": None}, {"app": "nobody"}, {"app": "celeriac"}):
        refused = api.post("/schedules", json=body | wrong)
        assert (refused.status_code, list(refused.json["errors"])) == (422, ["app"])
        assert "mail, shop" in refused.json["errors"]["app"][0]
    assert list(api.post("/schedules", json=body | {"app": 3}).json["errors"]) == ["app"]
    made = api.post("/schedules", json=body | {"app": "shop", "kwargs": {"shop": 1}})
    assert (made.status_code, made.json["app"]) == (201, "shop")
    assert (
        api.post("/schedules", json=body | {"name": "t", "app": "mail", "kwargs": {"shop": 1}}).status_code
        == 422
    )
    path = f"/schedules/{made.json['id']}"
    assert api.post(f"{path}/duplicate").json["app"] == "shop"
    ours = api("PATCH", path, json={"task_name": OURS, "args": [1], "kwargs": {}})
    assert (ours.status_code, ours.json["app"]) == (200, None)
    assert list(api("PATCH", path, json={"task_name": NAME, "args": []}).json["errors"]) == ["app"]
    back = api("PATCH", path, json={"task_name": NAME, "app": "mail", "args": []})
    assert (back.status_code, back.json["app"]) == (200, "mail")
    diff = api.get(f"{path}/changes").json["items"][0]["diff"]
    assert diff["app"] == [None, "mail"]
    assert api("PUT", path, json=body).status_code == 422
    assert api("PUT", path, json=body | {"app": "mail"}).json["app"] == "mail"
    fires = {"task_type": "interval", "interval_seconds": 60, "task_name": NAME, "app": "mail"}
    assert api.post("/schedules/preview", json=fires).status_code == 200
    assert {one["app"] for one in api.get("/schedules?app=mail").json["items"]} == {"mail"}


@pytest.mark.database
def test_files_and_deletion_keep_it(both: dict[str, str], make: Make, now: Any) -> None:
    row = make(task_name=NAME, app="shop", args=[])
    item = vars(schedules.Definition.of(row))
    [step] = exchange.apply([item | {"name": "Imported"}], "mei", now)
    assert step.definition.app == "shop"
    with pytest.raises(Invalid, match="Nameless: app"):
        exchange.plan([item | {"name": "Nameless", "app": None}], now)
    schedule_id = row.id
    schedules.delete(schedule_id, "mei", now)
    assert schedules.undelete(schedule_id, "mei", now).app == "shop"


def test_what_was_deleted_before_there_were_apps_comes_back(
    both: dict[str, str], make: Make, now: Any
) -> None:
    publish("shop", NAME, "shop.only")
    schedule_id = make(task_name="shop.only", args=[]).id
    schedules.delete(schedule_id, "mei", now)
    deletion = history.last_deletion(schedule_id)
    deletion.snapshot = {name: value for name, value in (deletion.snapshot or {}).items() if name != "app"}
    db.session.commit()
    assert schedules.undelete(schedule_id, "mei", now).app == "shop"


def test_run_now_and_run_again(both: dict[str, str], make: Make, own_redis: RedisServer, now: Any) -> None:
    row = make(task_name=NAME, app="shop", args=[])
    run = schedules.run_now(row.id, "mei", now)
    again = runs.rerun(run, "mei", utcnow())
    assert (run.app, again.app) == ("shop", "shop")
    assert (len(arrived(own_redis, "shop")), arrived(own_redis, "mail")) == (2, [])


def test_what_an_app_has_scheduled_is_taken_over_for_its_task(both: dict[str, str], now: Any) -> None:
    entry = {"name": "Nightly", "task": NAME, "schedule": {"kind": "interval", "seconds": 60}}
    publish("shop", NAME, schedules={"v": 1, "timezone": "UTC", "entries": [entry]})
    source = foreign.by_id("beat-schedule:shop")
    [result] = foreign.take_over(source, foreign.read(source), None, "mei", now)
    assert result.done
    assert schedules.get(result.id).app == "shop"


def test_the_form(both: dict[str, str], signed_in: Any, post: Any) -> None:
    browser = signed_in("operator")
    assert (
        f'href="/schedules/new?task_name={NAME}&amp;app=shop"' in browser.get(f"/tasks/{NAME}?app=shop").text
    )
    from_task = browser.get(f"/schedules/new?task_name={NAME}&app=shop").text
    assert '<option value="shop" selected' in from_task
    assert 'name="p-shop"' in from_task
    unsaid = browser.get(f"/schedules/new?task_name={NAME}").text
    assert '<option value="" selected' in unsaid
    assert "Choose the app first" in unsaid
    assert 'name="p-mail"' in browser.get(f"/schedules/parameters?task_name={NAME}&app=mail").text
    alone = browser.get(f"/schedules/parameters?task_name={OURS}&app=mail").text
    assert '<input type="hidden" id="app" name="app" value="">' in alone

    data = {"task_name": NAME, "name": "Mine", "task_type": "cron", "cron_schedule": "0 1 * * *"}
    data |= {"timezone": "UTC", "priority": "5", "overlap": "skip", "enabled": "1"}
    refused = post(browser, "/schedules/new", data)
    assert (refused.status_code, '<a href="#app">App</a>' in refused.text) == (422, True)
    made = post(browser, "/schedules/new", data | {"app": "shop", "p-shop": "5"})
    assert made.status_code == 303
    page = browser.get(made.location).text
    assert f'href="/tasks/{NAME}?app=shop"' in page
    assert 'href="/schedules?app=shop"' in page
    edit = browser.get(f"{made.location}/edit").text
    assert '<option value="shop" selected' in edit
    moved = post(browser, f"{made.location}/edit", data | {"app": "mail", "p-mail": "6", "version": "1"})
    assert moved.status_code == 303
    row = schedules.get(int(made.location.rsplit("/", 1)[1]))
    assert (row.app, row.kwargs) == ("mail", {"mail": 6})


def test_once_from_the_page_of_a_task(both: dict[str, str], signed_in: Any, post: Any) -> None:
    data = {"start": "at", "start_at": "2031-01-01T09:00", "queue": "work", "priority": "5", "mode": "fields"}
    answer = post(signed_in("operator"), f"/tasks/{NAME}/run?app=shop", data)
    assert answer.status_code == 303
    row = schedules.get(int(answer.location.rsplit("/", 1)[1]))
    assert (row.app, row.task_type) == ("shop", "one_time")


@pytest.mark.database
def test_what_was_there_before_keeps_the_app_that_it_fires_for(both: dict[str, str], make: Make) -> None:
    publish("celeriac", OURS)
    publish("shop", NAME, "shop.only", OURS)
    make("ours")
    make("theirs", task_name="shop.only", args=[])
    make("shared", task_name=NAME, app="mail", args=[])
    db.session.remove()
    downgrade(revision="0032")
    upgrade()
    found = {row.name: row.app for row in schedules.everything()}
    assert found == {"ours": None, "theirs": "shop", "shared": "mail"}


@pytest.mark.database
def test_a_row_in_sql_needs_no_app_where_only_one_has_the_task(
    both: dict[str, str], fire: Any, now: Any
) -> None:
    publish("shop", NAME, "shop.only")
    insert = "INSERT INTO schedules (name, task_name, task_type, interval_seconds, anchor_at) "
    insert += "VALUES (:name, :name, 'interval', 60, '2026-11-20 12:00:00+00')"
    with db.engine.begin() as connection:
        for name in (NAME, "shop.only"):
            connection.execute(text(insert), {"name": name})
    firing.make_new_rows_due(now)
    fire(utcnow())
    assert {row.name: row.app for row in schedules.everything()} == {NAME: None, "shop.only": "shop"}


@pytest.mark.database
def test_an_entry_of_our_code_may_name_a_task_of_another_app(both: dict[str, str], now: Any) -> None:
    entry = schedules.Definition(
        name="theirs", task_name="shop.only", task_type="interval", interval_seconds=60
    )
    kept = code_sync.to_json({name: getattr(entry, name) for name in code_sync.OWNED})
    setup = {"modules": [], "schedules": {"whole": True, "entries": {"theirs": kept}, "problems": []}}
    publish("celeriac", OURS, delivery={"broker": "redis", "options": {}, "setup": setup})
    assert schedules.sync_code(now) == ["theirs: new"]
    publish("shop", NAME, "shop.only")  # later
    assert schedules.sync_code(now) == ["theirs: app"]
    publish("mail", NAME, "shop.only")
    assert schedules.sync_code(now) == []
    assert schedules.page(schedules.ScheduleFilter()).items[0].app == "shop"
