"""The start page and the search."""

import json
import re
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import redis as redis_client
from flask import Flask
from flask.testing import FlaskClient

from app import overview, runs, schedules
from app.extensions import transaction
from app.runs import states
from app.runs.models import Run

SignedIn = Callable[[str], FlaskClient]
NOW = datetime.now(UTC)


def summary(queues: list[str], now: datetime | None = None) -> overview.Summary:
    return overview.summary(queues, now or datetime.now(UTC), "6h", ZoneInfo("UTC"))


def add(run_id: str, state: str, **fields: Any) -> None:
    at = NOW - timedelta(minutes=5)
    with transaction() as session:
        session.add(
            Run(id=run_id, created_at=at, updated_at=at, task_name="t.a", state=state, attempt=0, **fields)
        )


def heartbeat(redis: redis_client.Redis, hostname: str, age: float, running: int = 0) -> None:
    entry = {
        "hostname": hostname,
        "state": "online",
        "heartbeat_at": time.time() - age,
        "started_at": time.time() - 99,
        "pid": 1,
        "pool": "prefork",
        "slots": 2,
        "queues": ["default"],
        "running": [{"id": str(n)} for n in range(running)],
        "finished": 0,
        "memory_bytes": 0,
        "load": 0.0,
        "versions": {},
    }
    redis.hset("celeriac:workers", hostname, json.dumps(entry))


def test_workers_of_other_apps_are_shown_and_counted_apart(
    app: Flask, redis: redis_client.Redis, signed_in: SignedIn, client: FlaskClient
) -> None:
    heartbeat(redis, "w1@host", 0)
    own = json.loads(redis.hget("celeriac:workers", "w1@host"))  # type: ignore[arg-type]  # not async
    for name, state in (("a@shop", "online"), ("b@shop", "offline")):
        told = own | {"v": 1, "app": "shop", "hostname": name, "state": state, "slots": 3}
        redis.hset("celeriac:app-workers", f"shop {name}", json.dumps(told))
    found = summary(["default"])
    assert ([worker.hostname for worker in found.online], found.slots) == (["w1@host"], 2)
    assert [worker.hostname for worker in found.app_workers] == ["a@shop", "b@shop"]
    page = signed_in("viewer").get("/").text
    assert "and 1 of other apps" in page
    assert 'href="/workers/a@shop?app=shop"' in page
    metrics = client.get("/metrics").text
    for line in ("workers_online", "worker_slots", "worker_busy"):
        assert f'celeriac_app_{line}{{app="shop"}}' in metrics
    assert 'celeriac_app_worker_slots{app="shop"} 3.0' in metrics


def test_the_figures(app: Flask, redis: redis_client.Redis) -> None:
    heartbeat(redis, "w1@host", 0, running=1)
    heartbeat(redis, "w2@host", 60)
    add("r1", states.STARTED, started_at=NOW - timedelta(minutes=2))
    add("r2", states.FAILURE, error="KeyError: 'x'")
    runs.submit(runs.RunRequest("sample_tasks.plain", [1]), NOW)
    found = summary(["default", "mail"])
    assert found.line
    assert (len(found.running), found.failed, found.line.waiting, found.line.queues) == (1, 1, 1, 1)
    assert (len(found.online), found.slots, found.busy) == (1, 2, 1)
    assert [worker.hostname for worker in found.silent] == ["w2@host"]
    assert found.longest
    assert found.longest.id == "r1"
    assert found.line.oldest_queue == "default"


def test_a_heartbeat_alone_is_no_change(app: Flask, redis: redis_client.Redis) -> None:
    heartbeat(redis, "w1@host", 2)
    before = summary(["default"]).version
    heartbeat(redis, "w1@host", 0)
    assert summary(["default"]).version == before
    heartbeat(redis, "w1@host", 0, running=1)
    assert summary(["default"]).version != before


def test_the_page(app: Flask, redis: redis_client.Redis, signed_in: SignedIn) -> None:
    heartbeat(redis, "w1@host", 0)
    add("r1", states.FAILURE, error="KeyError: 'x'")
    page = signed_in("operator").get("/").text
    assert "KeyError" in page
    assert "w1@host" in page
    assert "No worker is online" not in page


def test_failures_of_a_kind_are_retried_together(app: Flask, signed_in: SignedIn) -> None:
    for run_id in ("r1", "r2"):
        add(run_id, states.FAILURE, error=f"KeyError: '{run_id}'", args=[], kwargs={})
    add("other", states.FAILURE, error="ValueError: x", args=[], kwargs={})
    assert "Retry 2" not in signed_in("viewer").get("/").text
    operator = signed_in("operator")
    page = operator.get("/").text
    form = page[page.index('action="/runs/bulk"') : page.index("Retry 2")]
    fields = dict(re.findall(r'name="(\w+)" value="([^"]*)"', form))
    shown = operator.post("/runs/bulk", data=fields, follow_redirects=True)
    assert shown.status_code == 200
    assert "2 runs were looked at; nothing has been done yet" in shown.text


def test_nothing_wrong_is_one_calm_line(app: Flask, signed_in: SignedIn) -> None:
    page = signed_in("viewer").get("/").text
    assert "No failed runs in 24 h" in page
    assert "No worker is online" in page


def test_the_live_part(app: Flask, signed_in: SignedIn) -> None:
    browser = signed_in("viewer")
    (version,) = re.findall(r"/overview/live\?version=(\w+)", browser.get("/").text)
    assert browser.get(f"/overview/live?version={version}").status_code == 204
    add("r1", states.FAILURE, error="KeyError")
    answer = browser.get(f"/overview/live?version={version}")
    assert answer.status_code == 200
    assert "<html" not in answer.text


def test_the_page_stands_without_redis(app: Flask, signed_in: SignedIn, redis: redis_client.Redis) -> None:
    """Wrong kinds of keys stand for a Redis that does not answer as it should."""
    browser = signed_in("viewer")
    redis.set("celeriac:workers", "not a hash")
    page = browser.get("/")
    assert page.status_code == 200
    assert "The broker does not answer" in page.text


@pytest.mark.parametrize(
    ("text", "found"),
    [("resize", "/tasks/sample_tasks.resize"), ("fx_rate", "/runs/r1"), ("nowhere", "Nothing matches")],
)
def test_search(app: Flask, signed_in: SignedIn, text: str, found: str) -> None:
    add("r1", states.FAILURE, error="KeyError: 'fx_rate'")
    assert found in signed_in("viewer").get("/search", query_string={"q": text}).text


def test_search_finds_schedules(app: Flask, signed_in: SignedIn) -> None:
    definition = schedules.Definition(
        name="Nightly sums",
        note="for the books",
        task_name="examples.basic.add",
        task_type="interval",
        interval_seconds=60,
        kwargs={"x": 1, "y": 2},
    )
    made = schedules.create(definition, "ada", NOW)
    page = signed_in("viewer").get("/search?q=nightly+books").text
    assert f"/schedules/{made.id}" in page
    assert "Nothing matches" not in page


def test_a_whole_id_leads_to_its_run(app: Flask, signed_in: SignedIn) -> None:
    add("r1", states.SUCCESS)
    answer = signed_in("viewer").get("/search?q=r1")
    assert (answer.status_code, answer.location) == (302, "/runs/r1")
