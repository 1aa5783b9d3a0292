"""Counters, histograms and gauges for Prometheus: each run is counted once, whatever is told twice."""

import json
import re
import shutil
import subprocess
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import redis as redis_client
from flask import Flask
from flask.testing import FlaskClient
from prometheus_client.parser import text_string_to_metric_families

from app import broker, queues, runs, short_cache
from app.extensions import db, transaction
from app.heartbeats import BEATS, RECORDERS
from app.runs import outbox, states
from app.runs.history import record
from app.runs.statistics import totals
from app.schedules import firing
from app.schedules.models import Schedule
from celeriac_agent.settings import OWN_APP

PROJECT = Path(__file__).resolve().parents[2]
NOW = datetime.now(UTC)
TASK = "examples.basic.add"
UNSAID = (OWN_APP, "default")
Samples = dict[str, float]


def plain(task: Any, args: Any, kwargs: Any) -> tuple[Any, Any, list[str]]:
    return args, kwargs, []


def event(kind: str, run_id: str, seconds: float, **fields: Any) -> dict[str, Any]:
    return {"type": kind, "id": run_id, "task": "t", "at": NOW.timestamp() + seconds, "attempt": 0} | fields


def scrape(client: FlaskClient) -> Samples:
    """Every sample as Prometheus writes it, without the labels that say our app and the queue `default`.

    Unreadable text fails here.
    """
    short_cache.forget(client.application)
    found: Samples = {}
    for family in text_string_to_metric_families(client.get("/metrics").text):
        for one in family.samples:
            labels = [f"{key}={value}" for key, value in sorted(one.labels.items()) if value not in UNSAID]
            found[" ".join([one.name, *labels])] = one.value
    return found


@pytest.mark.database
def test_a_run_that_is_told_twice_is_counted_once(app: Flask, client: FlaskClient) -> None:
    told = [
        event("sent", "r1", 0, queue="default"),
        event("started", "r1", 0.3),
        event("retried", "r1", 1, error="e", runtime=0.7, next_at=NOW.timestamp() + 2),
        event("started", "r1", 2, attempt=1),
        event("succeeded", "r1", 6, attempt=1, runtime=4.0),
    ]
    for _twice in range(2):
        for one in told:
            record([one], plain)
    record(told, plain)
    found = scrape(client)
    counted = {
        name: value
        for name, value in found.items()
        if name.endswith(" name=t") and value and "le=" not in name
    }
    assert counted == {
        "celery_task_sent_total name=t": 1,
        "celery_task_started_total name=t": 2,
        "celery_task_retried_total name=t": 1,
        "celery_task_succeeded_total name=t": 1,
        "celery_task_runtime_count name=t": 1,
        "celery_task_runtime_sum name=t": 4.0,
    }
    buckets = {
        bound: found[f"celery_task_runtime_bucket le={bound} name=t"] for bound in ("1.0", "5.0", "+Inf")
    }
    assert buckets == {"1.0": 0, "5.0": 1, "+Inf": 1}


@pytest.mark.database
def test_what_is_submitted_here_is_sent_once(app: Flask, client: FlaskClient) -> None:
    run = runs.submit(runs.RunRequest(TASK, [1, 2]), NOW)
    record([event("sent", run.id, 0, task=TASK, queue=run.queue)], plain)
    record([event("started", run.id, 1, task=TASK), event("failed", run.id, 2, task=TASK, error="e")], plain)
    found = scrape(client)
    assert found[f"celery_task_sent_total name={TASK} queue_name={run.queue}"] == 1
    assert found[f"celery_task_failed_total name={TASK} queue_name={run.queue}"] == 1
    waits = found[f"celeriac_task_wait_seconds_count name={TASK} queue_name={run.queue}"]
    assert waits == 1


def test_what_waited_for_its_time_is_sent_once(app: Flask, client: FlaskClient) -> None:
    run = runs.submit(runs.RunRequest(TASK, [1, 2], run_at=NOW + timedelta(seconds=1)), NOW)
    assert f"celery_task_sent_total name={TASK} queue_name={run.queue}" not in scrape(client)
    outbox.send_scheduled(NOW + timedelta(seconds=2))
    record([event("sent", run.id, 0, task=TASK, queue=run.queue)], plain)
    assert scrape(client)[f"celery_task_sent_total name={TASK} queue_name={run.queue}"] == 1


@pytest.mark.database
def test_what_people_cancel_is_counted_once(app: Flask, client: FlaskClient) -> None:
    """No worker tells of it: whoever ends the run counts it."""

    def waiting(**how: Any) -> Any:
        return runs.submit(runs.RunRequest(TASK, [1, 2], queue="default", **how), NOW)

    removed, cancelled = waiting(), waiting()
    queues.remove("default", removed.id, "ann", NOW)
    runs.cancel(cancelled, False, "ann", NOW)
    runs.cancel(waiting(run_at=NOW + timedelta(hours=1)), False, "ann", NOW)
    late = waiting()
    queues.purge("default", "ann", NOW)
    name = f"celery_task_revoked_total name={TASK}"
    assert scrape(client)[name] == 4
    record([event("revoked", late.id, 1, task=TASK, queue="default")], plain)
    assert scrape(client)[name] == 4


def test_totals_outlive_the_history(app: Flask, client: FlaskClient) -> None:
    record([event("started", "r1", 0), event("succeeded", "r1", 1, runtime=1.0)], plain)
    runs.delete_finished(runs.Rule(states=[states.SUCCESS]), NOW + timedelta(days=1), 100)
    assert runs.counts().get(states.SUCCESS, 0) == 0
    assert scrape(client)["celery_task_succeeded_total name=t queue_name="] == 1


@pytest.mark.database
def test_fires_that_became_no_run(app: Flask, client: FlaskClient) -> None:
    then = NOW - timedelta(hours=1)
    row = Schedule(name="s", task_name=TASK, task_type="interval", interval_seconds=60, on_missed="skip")
    row.kwargs, row.grace_seconds = {"x": 1, "y": 2}, 0
    row.anchor_at = row.next_run_at = row.next_due_at = then
    with transaction() as session:
        session.add(row)
    firing.fire_due(NOW)
    missed = [
        value for name, value in scrape(client).items() if name.startswith("celeriac_fires_missed_total")
    ]
    ledger = db.session.query(runs.Run).filter_by(state=states.MISSED).count()
    assert missed == [ledger]
    assert ledger > 0


def test_queues_workers_and_processes(
    app: Flask, client: FlaskClient, redis: redis_client.Redis, say: Callable[..., None]
) -> None:
    entry = {"hostname": "w1@here", "state": "online", "heartbeat_at": time.time(), "pid": 1, "slots": 2}
    entry |= {"started_at": time.time() - 60, "pool": "prefork", "autoscale": None, "queues": ["default"]}
    entry |= {"running": [], "finished": 0, "memory_bytes": 0, "load": 0.0, "versions": {}}
    redis.hset("celeriac:workers", "w1@here", json.dumps(entry))
    say(BEATS, "vm-1", 1.0)
    say(RECORDERS, "vm-1", 1.0)
    ids = [runs.submit(runs.RunRequest(TASK, [1, 2], queue="default"), NOW).id for _ in range(3)]
    broker.hold("default", ids[0], "ann", "", NOW)
    broker.pause("default", "ann", "", NOW)
    found = scrape(client)
    assert found["celery_queue_length"] == 2
    assert found["celeriac_queue_held"] == 1
    assert found["celeriac_queue_paused"] == 1
    assert 0 < found["celeriac_queue_oldest_seconds"] < 60
    assert found["celery_active_consumer_count"] == 1
    assert found["celery_worker_up hostname=w1@here"] == 1
    assert found["celery_worker_tasks_active hostname=w1@here"] == 0
    assert found["celeriac_recorders_alive"] == 1
    assert found["celeriac_recorder_lag_seconds"] >= 0
    assert abs(time.time() - found["celeriac_beat_last_tick_timestamp_seconds"]) < 30
    assert found["celeriac_schedules_late"] == 0


def test_very_many_tasks_are_cut(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(totals, "SHOWN_AT_MOST", 3)
    for number in range(5):
        for run in range(number + 1):
            record([event("succeeded", f"r{number}-{run}", 1, task=f"t{number}", runtime=1.0)], plain)
    assert [one.task_name for one in totals.totals()] == ["t2", "t3", "t4"]


def test_two_apps_with_a_task_of_one_name_are_told_apart(app: Flask, client: FlaskClient) -> None:
    for number, whose in enumerate(({}, {"app": "shop"}, {"app": "shop"})):
        record([event("succeeded", f"r{number}", 1, runtime=2.0, queue="default") | whose], plain)
    name = "celery_task_succeeded_total"
    assert f'{name}{{app="celeriac",name="t",queue_name="default"}} 1.0' in client.get("/metrics").text
    found = scrape(client)
    assert (found[f"{name} name=t"], found[f"{name} app=shop name=t"]) == (1, 2)
    assert found["celery_task_runtime_sum app=shop name=t"] == 4.0


def names(text: str) -> set[str]:
    return set(re.findall(r"\b(?:celery|celeriac)_[a-z_]+", text))


@pytest.mark.parametrize(
    "path", ["deploy/prometheus/celeriac.rules.yml", "deploy/grafana/celeriac.json", "docs/metrics.md"]
)
def test_rules_dashboard_and_docs_name_only_what_there_is(
    app: Flask, client: FlaskClient, say: Callable[..., None], path: str
) -> None:
    say(BEATS, "vm-1", 1.0)
    say(RECORDERS, "vm-1", 1.0)
    record([event("started", "r1", 0.3), event("succeeded", "r1", 1, runtime=1.0)], plain)
    families = text_string_to_metric_families(client.get("/metrics").text)
    there = {one.name for family in families for one in family.samples}
    families = text_string_to_metric_families(client.get("/metrics").text)
    there |= {
        name for family in families for name in (family.name, f"{family.name}_total", f"{family.name}_bucket")
    }
    assert names((PROJECT / path).read_text()) - there - {"celeriac_rabbitmq_up"} == set()


@pytest.mark.skipif(not shutil.which("promtool"), reason="promtool is not installed")
def test_promtool_takes_the_rules() -> None:
    rules = PROJECT / "deploy/prometheus/celeriac.rules.yml"
    checked = subprocess.run(
        ["promtool", "check", "rules", rules], capture_output=True, text=True, check=False
    )
    assert checked.returncode == 0, checked.stderr
