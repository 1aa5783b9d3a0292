"""Why a run waits."""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from celery import Celery
from flask import Flask

from app import broker, runs
from app.runs import states
from app.runs.models import Run

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)


@dataclass
class Consumer:
    hostname: str = "w1@host"
    slots: int = 2
    online: bool = True
    queues: list[str] = field(default_factory=lambda: ["default"])
    running: list[object] = field(default_factory=list)


def send(celery_app: Celery) -> Run:
    return runs.submit(celery_app, runs.RunRequest("sample_tasks.plain", [1]), NOW)


def test_nobody_listens(app: Flask, celery_app: Celery) -> None:
    run = send(celery_app)
    for consumers in ([], [Consumer(online=False)], [Consumer(queues=["mail"])]):
        assert runs.diagnose(run, consumers, NOW).reason == "no-worker"


def test_others_go_first(app: Flask, celery_app: Celery) -> None:
    send(celery_app)
    send(celery_app)
    last = send(celery_app)
    found = runs.diagnose(last, [Consumer(running=[1, 2])], NOW)
    assert (found.reason, found.ahead) == ("busy", 2)
    assert "All 2 slots" in found.detail
    assert "2 runs go first" in found.detail


def test_it_is_next(app: Flask, celery_app: Celery) -> None:
    found = runs.diagnose(send(celery_app), [Consumer(running=[1])], NOW)
    assert (found.reason, found.ahead) == ("next", 0)


def test_the_queue_is_paused(app: Flask, celery_app: Celery) -> None:
    run = send(celery_app)
    broker.pause("default", "mei", "month end", NOW)
    found = runs.diagnose(run, [Consumer()], NOW)
    assert found.reason == "paused"
    assert "mei" in found.detail
    assert "month end" in found.detail


def test_it_is_held(app: Flask, celery_app: Celery) -> None:
    run = send(celery_app)
    broker.hold("default", run.id, "mei", "fraud check", NOW)
    found = runs.diagnose(run, [Consumer()], NOW)
    assert found.reason == "held"
    assert "fraud check" in found.detail


def test_a_worker_has_it_in_its_hands(app: Flask, celery_app: Celery) -> None:
    run = send(celery_app)
    broker.remove("default", run.id)
    assert runs.diagnose(run, [Consumer()], NOW).reason == "taken"


def test_it_was_not_sent_yet(app: Flask, celery_app: Celery) -> None:
    run = send(celery_app)
    broker.remove("default", run.id)
    run.outbox, run.send_at = {"args": []}, NOW
    assert runs.diagnose(run, [Consumer()], NOW).reason == "not-sent"


@pytest.mark.parametrize(
    ("state", "fields", "reason", "start"),
    [
        (states.SUCCESS, {}, "finished", None),
        (states.PROGRESS, {}, "running", None),
        (states.SCHEDULED, {"eta_at": NOW}, "scheduled", NOW),
        (states.SCHEDULED, {}, "scheduled", None),
        (states.RETRY, {"eta_at": NOW + timedelta(seconds=9)}, "retry", NOW + timedelta(seconds=9)),
        (states.RETRY, {}, "retry", None),
        (states.RECEIVED, {"worker": "w1@host"}, "received", None),
        (states.RECEIVED, {}, "received", None),
    ],
)
def test_the_state_alone_tells(
    app: Flask, state: str, fields: dict[str, Any], reason: str, start: datetime | None
) -> None:
    found = runs.diagnose(Run(id="r", task_name="t", state=state, **fields), [], NOW)
    assert (found.reason, found.estimated_start) == (reason, start)
    assert found.detail.endswith(".")
