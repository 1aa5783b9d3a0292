"""Deploys: what of the starts of workers is one, and the marks of it on charts."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from celery import Celery
from flask import Flask

from app import schedules
from app.extensions import db, transaction
from app.pages import marks
from app.runs import statistics
from app.workers import deploys
from celeriac_agent.code import code_version

NOW = datetime.now(UTC).replace(microsecond=0)
A, B = {"celery": "5.7.0", "code": "aaaa"}, {"celery": "5.7.0", "code": "bbbb"}


def note(hostname: str, versions: dict[str, str], minutes_ago: float, app: str = "shop") -> bool:
    return deploys.note(app, hostname, versions, NOW - timedelta(minutes=minutes_ago))


def found(minutes: float = 60, app: str | None = None) -> list[str]:
    db.session.rollback()
    return [one.hostname for one in deploys.between(NOW - timedelta(minutes=minutes), NOW, app)]


@pytest.mark.database
def test_other_code_is_a_deploy_and_a_restart_is_none(app: Flask) -> None:
    assert not note("w1", A, 50)  # the first that is ever heard
    assert not note("w1", A, 40)  # a restart
    assert not note("w2", A, 39)  # one more with the same
    assert note("w1", B, 30)
    assert not note("w1", B, 30)  # another recorder saw it too
    assert note("w2", B, 29)
    assert not note("w3", B, 28)  # joins those that run it
    assert note("pod-7f", {"code": "cccc"}, 20)  # a name of its own each time
    assert note("w1", A, 10)  # back again
    assert not note("mail", A, 9, app="mail")
    assert found() == ["w1", "w2", "pod-7f", "w1"]
    assert found(25) == ["pod-7f", "w1"]
    assert found(app="mail") == []


def test_old_starts_are_forgotten(app: Flask) -> None:
    note("w1", A, 60 * 24 * 400)
    note("w1", B, 5)
    assert db.session.query(deploys.WorkerStart).count() == 1


def make_package(folder: Path, name: str) -> Path:
    (folder / name).mkdir()
    (folder / name / "__init__.py").write_text("")
    (folder / name / "tax.py").write_text("RATE = 19\n")
    text = "from celery import shared_task\n\n@shared_task\ndef pay():\n    return 1\n"
    (folder / name / "jobs.py").write_text(text)
    return folder / name


def test_the_version_of_code_moves_with_any_file_of_the_package(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = make_package(tmp_path, "deployed_shop")
    monkeypatch.syspath_prepend(str(tmp_path))

    def version() -> str:
        celery_app = Celery("shop", set_as_current=False)
        celery_app.loader.import_default_modules()
        jobs = __import__("deployed_shop.jobs").jobs
        celery_app.task(name="shop.pay")(jobs.pay.run)
        return code_version(celery_app)

    before = version()
    assert len(before) == 12
    assert version() == before
    (package / "tax.py").write_text("RATE = 16\n")
    assert version() != before


def marks_since(ago: timedelta, *whose: str) -> list[marks.Mark]:
    return marks.marks(marks.happened(NOW - ago, NOW, *whose), NOW - ago, NOW)


def test_marks_tell_deploys_and_changes_near_ones_together(app: Flask) -> None:
    for name, minutes in (("w1", 50), ("w2", 50)):
        note(name, A, minutes)
    note("w1", B, 30)
    note("w2", B, 27)
    definition = schedules.Definition(
        name="Nightly", task_name="sample_tasks.plain", args=[1], task_type="interval", interval_seconds=60
    )
    made = schedules.create(definition, "mei", NOW - timedelta(minutes=10))
    with app.test_request_context():
        deploy, change = marks_since(timedelta(minutes=60))
        assert (deploy.at, deploy.kind, deploy.before) == (50.0, "deploy", False)
        at = f"{NOW - timedelta(minutes=30):%H:%M}"
        assert deploy.label == f"{at} deploy: w1 and 1 more with other code"
        assert change.label.endswith("mei made the schedule Nightly")
        assert (change.kind, change.before, change.address) == ("schedule", True, f"/schedules/{made.id}")
        assert [one.kind for one in marks_since(timedelta(hours=1), "mail", "t.other")] == []
        assert marks_since(timedelta(hours=1), "mail", made.task_name) == []
        own = marks_since(timedelta(hours=1), "celeriac", made.task_name)
        assert [one.kind for one in own] == ["schedule"]
        [both] = marks_since(timedelta(days=7))
        assert (both.kind, both.address) == ("deploy", "/audit")
        assert "; " in both.label


def test_the_charts_carry_them(app: Flask, signed_in: Any) -> None:
    note("w1", A, 50, "celeriac")
    note("w1", B, 30, "celeriac")
    times = dict.fromkeys(("app", "sent_at", "eta_at", "started_at", "runtime_seconds"))
    ended = {"task_name": "sample_tasks.plain", "state": "SUCCESS", "attempt": 0, "queue": "default"}
    with transaction():
        statistics.count([ended | {"ended_at": NOW - timedelta(minutes=20)} | times])
    browser = signed_in("viewer")
    for path in ("/", "/tasks/sample_tasks.plain"):
        page = browser.get(path).text
        assert "deploy: w1 with other code" in page, path
        assert 'role="list" aria-label="Deploys and changes of schedules"' in page
