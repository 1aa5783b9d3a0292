"""Runs of a task that Celeriac and another app have under one name: what is told of one is of it alone."""

import html
import json
import re
from collections.abc import Callable
from datetime import timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from flask import Flask
from flask.testing import FlaskClient
from flask_migrate import downgrade, upgrade
from redis import Redis
from sqlalchemy import func, select, text

from app import catalog, queues, runs
from app.catalog import lookup
from app.clock import utcnow
from app.extensions import db
from app.recorder.recorder import Recorder
from app.runs import statistics
from app.runs.history import record
from app.runs.statistics import TaskHour
from app.runs.statistics.models import RunTotal
from celeriac_agent.settings import OWN_APP
from celeriac_agent.stream import STREAM
from tests.apps import publish
from tests.rows import make_run

SignedIn = Callable[[str], FlaskClient]
TASK = "sample_tasks.plain"
OURS, THEIRS = (OWN_APP, TASK), ("shop", TASK)


def plain(task: Any, args: Any, kwargs: Any) -> tuple[Any, Any, list[str]]:
    return args, kwargs, []


def ran(run_id: str, seconds: float, end: str = "succeeded", app: str | None = None, **sent: Any) -> None:
    """Tell of a run that ended just now, as the workers of its app do."""
    at = utcnow().timestamp()
    base = {"id": run_id, "task": TASK, "attempt": 0} | ({"app": app} if app else {})
    worker = {"worker": f"w@{app or 'here'}"}
    events: list[dict[str, Any]] = [
        base | {"type": "sent", "at": at - seconds - 1, "queue": "default"} | sent,
        base | worker | {"type": "started", "at": at - seconds},
        base | worker | {"type": end, "at": at, "runtime": seconds},
    ]
    record(events, plain)


@pytest.fixture
def both(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    """Six runs of ours took 4 seconds each, seven of theirs a minute, the last of which failed."""
    monkeypatch.setattr(app.config["SETTINGS"], "brokers", {"shop": "redis://127.0.0.1:1/0"})
    publish("shop", TASK)
    for number in range(6):
        ran(f"ours-{number}", 4.0, args=[number], kwargs={})
    for number in range(6):
        ran(f"theirs-{number}", 60.0, app="shop", args=[], kwargs={"shop": number})
    ran("theirs-6", 60.0, "failed", "shop")


@pytest.mark.database
def test_numbers_of_each(both: None) -> None:
    now, zone = utcnow(), ZoneInfo("UTC")
    ours, theirs = (statistics.numbers_of(*key, "24h", now, zone).whole for key in (OURS, THEIRS))
    assert (ours.succeeded, ours.failed, theirs.succeeded, theirs.failed) == (6, 0, 6, 1)
    usual = {OURS: pytest.approx(4, rel=0.05), THEIRS: pytest.approx(60, rel=0.05)}
    assert runs.typical_seconds([OURS, THEIRS, ("mail", TASK)], now) == usual
    assert statistics.mean_seconds(OWN_APP, now) == {TASK: pytest.approx(4)}


@pytest.mark.database
def test_the_newest_run_of_each(both: None) -> None:
    found = runs.latest([OURS, THEIRS, ("mail", TASK)])
    assert {key: run.id for key, run in found.items()} == {OURS: "ours-5", THEIRS: "theirs-6"}
    ours, theirs = (runs.last_arguments(*key) for key in (OURS, THEIRS))
    assert ours is not None
    assert theirs is not None
    assert (ours.args, theirs.kwargs) == ([5], {"shop": 5})
    assert runs.last_arguments("mail", TASK) is None


@pytest.mark.database
def test_forecasts_of_our_queues_leave_theirs_out(both: None) -> None:
    rate = queues.service_rates(utcnow())["default"]
    assert (rate.runs, rate.mean_seconds, rate.by_task) == (6, 4.0, {TASK: 4.0})
    assert rate.out_per_minute == pytest.approx(1.2)
    assert rate.in_per_minute == pytest.approx(1.2)


def test_the_page_of_each(both: None, signed_in: SignedIn) -> None:
    browser = signed_in("operator")
    ours, theirs = browser.get(f"/tasks/{TASK}").text, browser.get(f"/tasks/{TASK}?app=shop").text
    assert 'aria-label="6 runs, median' in ours
    assert 'aria-label="7 runs, 1 failed, median' in theirs
    assert "It usually takes 4" in ours
    assert "It usually takes 1 min" in theirs
    for page, app, ids in ((ours, OWN_APP, "ours"), (theirs, "shop", "theirs")):
        assert set(re.findall(r'href="/runs/(\w+)-\d"', page)) == {ids}
        assert f'href="/runs?task_name={TASK}&amp;app={app}"' in page
        assert f'href="/runs?task_name={TASK}&amp;app={app}&amp;last=7d"' in page
    assert f'hx-get="/tasks/{TASK}/numbers?app=shop&amp;last=24h"' in theirs
    assert "7 runs, 1 failed" in browser.get(f"/tasks/{TASK}/numbers?app=shop&last=24h").text
    wrong = browser.get(f"/tasks/{TASK}?app=shop&last=century").text
    assert f'class="chip tag state-failed" href="/tasks/{TASK}?app=shop"' in wrong
    assert "run=theirs-5&amp;" in theirs  # fill from the last run
    assert f'href="/tasks/{TASK}?app=celeriac"' in theirs
    listed = browser.get("/tasks").text
    assert 'href="/runs/ours-5"' in listed
    assert 'href="/runs/theirs-6"' in listed


def test_rest(both: None, caller: Any) -> None:
    viewer = caller("viewer")

    def whole(query: str = "") -> tuple[str, int, int]:
        found = viewer.get(f"/tasks/{TASK}/numbers{query}").json
        return found["app"], found["runs"], found["failed"]

    assert whole() == whole("?app=celeriac") == (OWN_APP, 6, 0)
    assert whole("?last=30d&app=shop") == ("shop", 7, 1)
    unknown = viewer.get(f"/tasks/{TASK}/numbers?app=mail")
    assert (unknown.status_code, unknown.json["detail"]) == (404, f"There is no task named {TASK}.")
    empty = viewer.get(f"/tasks/{TASK}/numbers?app=")
    assert (empty.status_code, list(empty.json["errors"])) == (422, ["app"])


def test_the_page_of_a_run_expects_what_is_usual_for_its_own_task(both: None, signed_in: SignedIn) -> None:
    start = {"id": "now", "task": TASK, "attempt": 0, "type": "started", "worker": "w@shop", "app": "shop"}
    record([start | {"at": utcnow().timestamp() - 20}], plain)
    assert "left" in signed_in("viewer").get("/runs/now").text  # ours would have ended after 4 seconds


def test_the_secrets_of_one_hide_nothing_of_the_other(app: Flask, redis: Redis) -> None:
    publish("shop", "sample_tasks.fail")  # our own takes a password first
    recorder = Recorder(app, redis, "one")
    recorder.turn(utcnow())
    for run_id, whose in (("ours", {}), ("theirs", {"app": "shop"})):
        sent = {"id": run_id, "type": "sent", "at": 1.0, "task": "sample_tasks.fail", "args": ["swordfish"]}
        redis.xadd(STREAM, {"e": json.dumps(sent | whose)})
    recorder.turn(utcnow())
    ours, theirs = (runs.get(run_id) for run_id in ("ours", "theirs"))
    assert (ours.args, ours.masked) == ([catalog.MASK], ["password"])
    assert (theirs.args, theirs.masked) == (["swordfish"], None)


def test_an_app_that_only_sends_a_task_tells_nothing_of_what_its_own_app_hides(
    app: Flask, redis: Redis
) -> None:
    recorder = Recorder(app, redis, "one")
    recorder.turn(utcnow())
    sent = {"id": "sent", "type": "sent", "at": 1.0, "task": "sample_tasks.fail", "args": ["swordfish"]}
    redis.xadd(STREAM, {"e": json.dumps(sent | {"app": "mailer"})})
    recorder.turn(utcnow())
    assert runs.get("sent").args == [catalog.MASK]


def test_the_page_of_a_run_sends_its_own_task(both: None, signed_in: SignedIn) -> None:
    browser = signed_in("operator")
    theirs = html.unescape(browser.get("/runs/theirs-0/message").text)
    assert '"task_name": "sample_tasks.plain", "app": "shop"' in theirs
    assert '"app"' not in html.unescape(browser.get("/runs/ours-0/message").text)


def test_a_run_of_a_task_that_only_another_app_still_has_is_not_sent_there(
    both: None, caller: Any, signed_in: SignedIn
) -> None:
    publish("shop", TASK, "gone.here")
    make_run("gone", utcnow(), "FAILURE", task_name="gone.here")
    frozen = caller("operator").post("/runs/bulk", json={"action": "rerun", "ids": ["gone"]}).json
    assert frozen["verdicts"] == {"unknown": 1}
    menu = signed_in("operator").get("/runs/gone/menu").text
    assert "/tasks/gone.here" not in menu
    assert "/tasks/gone.here" not in signed_in("operator").get("/runs/gone").text


def test_search_leads_to_each(both: None, signed_in: SignedIn) -> None:
    browser = signed_in("operator")
    found, acts = browser.get(f"/search?q={TASK}").text, browser.get(f"/search/palette?q=run+{TASK}").text
    for query in ("", "?app=shop"):
        assert f'href="/tasks/{TASK}{query}"' in found
        assert f'"/tasks/{TASK}{query}#run-form"' in acts
    assert found.count("App shop") == 1


def test_filters_offer_the_name_once(both: None, signed_in: SignedIn) -> None:
    browser = signed_in("admin")
    for path in ("/runs", "/alerts/new?kind=run_failed"):
        assert len(re.findall(rf"<option[^>]*>?[^<]*\b{TASK}\b", browser.get(path).text)) == 1


@pytest.mark.database
def test_what_was_counted_before_there_were_apps_stays(both: None) -> None:
    """Down both are one, up again they are ours; a task that only one other app has is that app's."""
    publish("shop", TASK, "shop.only")
    publish("mail", "mail.only")
    publish("post", "mail.only", "post.only")
    hour = {"hour_at": utcnow().replace(minute=0, second=0, microsecond=0) - timedelta(days=1)}
    numbers: dict[str, Any] = {"succeeded": 2, "run_times": {"5": 2}, "waits": {}}
    for name, whose in (("shop.only", "shop"), ("mail.only", OWN_APP), ("gone.away", OWN_APP)):
        db.session.add(TaskHour(app=whose, task_name=name, **hour, **numbers))
    db.session.commit()
    before = db.session.execute(select(func.sum(RunTotal.number))).scalar_one()
    db.session.remove()
    downgrade(revision="0033")
    try:
        counted = text("SELECT sum(succeeded), sum(failed) FROM task_hours WHERE task_name = :name")
        with db.engine.connect() as connection:
            assert tuple(connection.execute(counted, {"name": TASK}).one()) == (12, 1)
    finally:
        upgrade()
    now = utcnow()
    ours = statistics.numbers_of(*OURS, "24h", now, ZoneInfo("UTC")).whole
    assert (ours.runs, ours.failed) == (13, 1)
    assert sum(ours.run_times.values()) == 13
    assert sum(ours.waits.values()) == 13
    whose = dict(db.session.execute(select(TaskHour.task_name, TaskHour.app).distinct()).all())
    assert whose == {TASK: OWN_APP, "shop.only": "shop", "mail.only": OWN_APP, "gone.away": OWN_APP}
    assert db.session.execute(select(func.sum(RunTotal.number))).scalar_one() == pytest.approx(before)
    assert lookup(TASK, "shop") is not None
