"""Saved arguments are checked against the signatures of today."""

from typing import Any

from flask import Flask

from app import schedules
from app.extensions import db


def test_a_renamed_parameter_is_told_before_it_fails(make: Any, now: Any) -> None:
    fits = make("fits", task_name="sample_tasks.resize", kwargs={"folder": "a", "width": 100})
    drifted = make("drifted", task_name="sample_tasks.resize", kwargs={"folder": "a", "width": 100})
    drifted.kwargs = {"directory": "a", "width": 100}  # as it was called before the deploy
    gone = make("gone")
    gone.task_name = "vanished.task"
    db.session.commit()
    assert schedules.check_drift(now) == 1  # a task that has vanished has another signature
    assert schedules.check_drift(now, everything=True) == 2
    db.session.rollback()
    assert schedules.get(fits.id).drift is None
    assert set(schedules.get(drifted.id).drift or {}) == {"directory", "folder"}
    assert "vanished.task" in str(schedules.get(gone.id).drift)
    assert schedules.get(drifted.id).version == 1  # nobody's edit
    assert schedules.drift_of(schedules.get(drifted.id), now)
    assert schedules.counts(schedules.ScheduleFilter(), now)["failing"] == 2
    schedules.update(drifted.id, {"kwargs": {"folder": "a"}}, "ada", now)
    assert schedules.get(drifted.id).drift is None  # a checked edit says so at once
    assert schedules.check_drift(now, everything=True) == 1


def test_a_new_deploy_changes_the_signature(make: Any, celery_app: Any, now: Any, publish_tasks: Any) -> None:
    @celery_app.task(name="sample_tasks.deployed", shared=False)
    def before(region: str) -> None: ...

    publish_tasks()
    row = make(task_name="sample_tasks.deployed", kwargs={"region": "emea"})
    assert schedules.check_drift(now) == 0
    del celery_app.tasks["sample_tasks.deployed"]

    @celery_app.task(name="sample_tasks.deployed", shared=False)
    def after(area: str) -> None: ...

    publish_tasks()
    try:
        assert schedules.check_drift(now) == 1
        db.session.rollback()
        assert "region" in (schedules.get(row.id).drift or {})
        assert schedules.check_drift(now) == 0  # nothing has changed since
    finally:
        del celery_app.tasks["sample_tasks.deployed"]


def test_markers_and_secrets_do_not_drift(make: Any, now: Any) -> None:
    make("due", task_name="sample_tasks.weekday", kwargs={"day": {"$due": "P0D"}})
    make("secret", task_name="sample_tasks.fail", kwargs={"password": "hunter2"})
    assert schedules.check_drift(now, everything=True) == 0


def test_arguments_of_a_waiting_message(app: Flask, now: Any) -> None:
    said = schedules.argument_problems("sample_tasks.resize", [], {"folder": 5}, now)
    assert list(said) == ["folder"]
    assert schedules.argument_problems("sample_tasks.resize", ["a"], {}, now) == {}


def test_many_are_checked_in_batches(make: Any, now: Any, monkeypatch: Any) -> None:
    from app.schedules import drift

    monkeypatch.setattr(drift, "BATCH", 3)
    for number in range(8):
        row = make(f"s{number}")
        if number % 2:
            row.args = []
        row.checked_signature = None
    db.session.commit()
    assert schedules.check_drift(now, rest=0.1) == 4
    assert schedules.check_drift(now) == 0
