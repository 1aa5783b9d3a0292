"""The first steps of the start page: by role, gone when they are done, put away by each person alone."""

from datetime import timedelta
from typing import Any

import pytest
from flask import Flask

from app import catalog, overview, runs, schedules, views
from app.accounts import emails, users
from app.clock import utcnow
from app.extensions import db

NOW = utcnow()


def left(user: users.User, later: timedelta = timedelta(0)) -> list[str]:
    db.session.rollback()
    return overview.first_steps(user, NOW + later, views.has_own)


@pytest.fixture(autouse=True)
def _only_the_library(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    """No task but those that come along, as on a fresh machine."""
    came = [info for info in catalog.listing() if info.origin == "library"]
    assert came
    monkeypatch.setattr(catalog, "listing", lambda: came)


def test_an_admin_runs_schedules_and_brings_tasks(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    ann = users.create("ann", "admin", NOW)
    runs.submit(runs.RunRequest("sample_tasks.plain", [1], requested_by="bob"), NOW)
    assert left(ann) == ["run", "schedule", "own-tasks"]
    runs.submit(runs.RunRequest("sample_tasks.plain", [1], requested_by="ann"), NOW)
    assert left(ann) == ["schedule", "own-tasks"]
    definition = schedules.Definition(
        name="a", task_name="sample_tasks.plain", args=[1], task_type="interval", interval_seconds=60
    )
    schedules.create(definition, "ann", NOW)
    assert left(ann) == ["own-tasks"]
    monkeypatch.undo()
    assert left(ann) == []


def test_others_have_steps_of_their_role(app: Flask) -> None:
    bob, mei = users.create("bob", "operator", NOW), users.create("mei", "viewer", NOW)
    assert left(bob) == ["run", "schedule", "preferences"]
    assert left(mei) == ["password", "preferences", "view"]
    emails.give(bob, "bob@shop.example", NOW)
    assert left(bob) == ["run", "schedule"]
    users.set_password(mei, "correct horse battery", NOW)
    users.set_preferences(mei, "Asia/Shanghai", None, None)
    assert left(mei) == ["view"]
    views.create(mei, "runs", "Failed", {"state": "failed"}, NOW)
    assert left(mei) == []


def test_they_are_for_who_is_new(app: Flask) -> None:
    bob = users.create("bob", "operator", NOW)
    assert left(bob, timedelta(days=29))
    assert left(bob, timedelta(days=31)) == []


def test_the_page_puts_them_away_and_takes_that_back(signed_in: Any, post: Any) -> None:
    browser, other = signed_in("admin"), signed_in("operator")
    page = browser.get("/").text
    assert 'href="/tasks/examples.basic.add#run-form"' in page
    assert "CELERIAC_TASKS=myteam.jobs bin/dev" in page
    assert post(browser, "/first-steps/hide").status_code == 303
    page = browser.get("/").text
    assert "Run an example task" not in page
    assert 'action="/first-steps/show"' in page  # the undo
    assert "Run an example task" in other.get("/").text  # each decides alone
    post(browser, "/first-steps/show")
    assert "Run an example task" in browser.get("/").text


def test_an_empty_page_says_what_will_stand_there(signed_in: Any) -> None:
    page = signed_in("operator").get("/").text
    for sentence in (
        "How many runs succeed and fail over time stands here.",
        "Each coming fire stands here as a dot at its time, a line for each schedule.",
        "Failed runs stand here, those with the same error together",
        "bin/celeriac worker starts one.",
    ):
        assert sentence in page
    viewer = signed_in("viewer").get("/").text
    assert "/schedules/new" not in viewer
    assert 'href="/tasks"' not in viewer.partition('id="throughput"')[2].partition("</section>")[0]
