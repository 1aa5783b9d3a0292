"""RabbitMQ dies and comes back: nothing that was asked for is lost, and everybody is told plainly."""

import signal
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

from flask import Flask
from flask.testing import FlaskClient

from app import broker, queues, runs, workers
from app.broker.rabbitmq import dedup
from app.clock import utcnow
from app.runs import Run, states

Submit = Callable[..., str]
Row = Callable[[str], Run]


def begun(path: Path) -> list[str]:
    """The starts of a task that leaves a trace."""
    return path.read_text().splitlines() if path.exists() else []


def test_a_rabbitmq_that_is_killed_comes_back_with_everything(
    app: Flask,
    rabbitmq_server: Any,
    processes: Any,
    submit: Submit,
    eventually: Any,
    row: Row,
    caller: Callable[..., Any],
    signed_in: Callable[..., FlaskClient],
) -> None:
    processes.recorder()
    queues.pause("mail", "mei", "", utcnow())
    processes.worker("-Q", "mail", name="patient")
    waiting = submit("weekday", queue="mail", day="2026-11-20")
    api, browser = caller("operator"), signed_in("admin")
    before = submit("weekday", day="2026-11-20")
    rabbitmq_server.kill()
    try:
        kept = submit("weekday", day="2026-11-20")
        assert row(kept).state == states.PENDING
        answer = api.get("/queues/default")
        assert (answer.status_code, answer.json["code"]) == (503, "broker-unavailable")
        assert "RabbitMQ does not answer" in answer.json["detail"]
        assert browser.get("/queues").status_code == 503
        assert browser.get("/").status_code == 200
        assert browser.get(f"/runs/{kept}").status_code == 200
        told = browser.get("/metrics").text
        assert "celeriac_rabbitmq_up 0.0" in told
        assert "celeriac_redis_up 1.0" in told
        assert browser.get("/readyz").json["parts"]["rabbitmq"]["ok"] is False
        assert api("PATCH", f"/queues/default/messages/{kept}", json={"priority": 9}).status_code == 503
        assert row(kept).priority == 5
    finally:
        rabbitmq_server.start()
    processes.worker()
    for run_id in (before, kept):
        eventually(lambda run_id=run_id: row(run_id).state == states.SUCCESS)
    assert api.get("/queues/default").json["waiting"] == 0
    assert api.get("/queues/mail").json["waiting"] == 1
    queues.resume("mail", utcnow())
    eventually(lambda: row(waiting).state == states.SUCCESS)


def test_a_run_that_three_workers_died_with_is_lost(
    app: Flask, processes: Any, submit: Submit, eventually: Any, row: Row, redis: Any, tmp_path: Path
) -> None:
    processes.recorder()
    run_id = submit("touch_and_sleep", path=str(tmp_path / "killer"), seconds=60)
    for number in (1, 2, 3):
        worker = processes.worker("-c", "1", name=f"w{number}")
        eventually(lambda number=number: len(begun(tmp_path / "killer")) == number)
        eventually(lambda number=number: row(run_id).worker == f"w{number}@test")
        processes.kill(worker, signal.SIGKILL)
    eventually(lambda: row(run_id).state == states.LOST, 60)
    assert "3 workers died" in (row(run_id).error or "")
    processes.worker("-c", "1", name="w4")
    after = submit("weekday", day="2026-11-20")
    eventually(lambda: row(after).state == states.SUCCESS)
    assert (len(begun(tmp_path / "killer")), dedup.starts(run_id)) == (3, 3)
    assert workers.recover(redis, utcnow(), utcnow() - timedelta(minutes=1)).lost == []


def test_a_dead_workers_runs_wait_again_or_are_lost(
    app: Flask, processes: Any, submit: Submit, eventually: Any, row: Row, tmp_path: Path
) -> None:
    processes.recorder()
    worker = processes.worker("-c", "2")
    late = submit("touch_and_sleep", path=str(tmp_path / "late"), seconds=60)
    early = submit("touch_and_sleep_once", path=str(tmp_path / "early"), seconds=60)
    for run_id in (late, early):
        eventually(lambda run_id=run_id: row(run_id).state == states.STARTED)
    processes.kill(worker, signal.SIGKILL)
    eventually(lambda: row(late).state == states.PENDING and row(early).state == states.LOST, 60)
    assert "does not run twice" in (row(early).error or "")
    assert broker.depth("default") == 1
    assert runs.cancel(row(late), False, "mei", utcnow()) == "removed"
