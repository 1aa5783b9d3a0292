"""Which workers know a task, and whether they agree on it: on its page and in REST."""

import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from flask import Flask

from app import own_tasks
from app.catalog import published
from app.clock import utcnow
from app.extensions import db, transaction
from celeriac_agent import tasks
from celeriac_agent.settings import OWN_APP

NAME = "sample_tasks.weekday"


@pytest.fixture
def version(app: Flask) -> Callable[..., str]:
    """Take in the catalog of a newer version of our own workers; returns its digest."""

    def publish(change: Callable[[dict[str, Any]], None], seconds: float = 60) -> str:
        told = json.loads(json.dumps(own_tasks.document(app)))
        one = next(facts for facts in told["tasks"] if facts["name"] == NAME)
        change(one)
        told["tasks"] = [facts for facts in told["tasks"] if facts["name"]]
        digest = tasks.digest(told)
        assert published.take_in(OWN_APP, digest, told, utcnow() + timedelta(seconds=seconds)) == []
        published.forget_what_was_read()
        return digest

    return publish


def test_workers_that_disagree_are_named(
    app: Flask, version: Any, heard: Any, signed_in: Any, caller: Any
) -> None:
    def renamed(facts: dict[str, Any]) -> None:
        facts["parameters"][0]["name"] = "first"
        facts["fingerprint"] = "renamed"

    heard("old@host", catalog=app.extensions["tests.catalog"])
    heard("new@host", catalog=version(renamed))
    heard("without@host", catalog=version(lambda facts: facts.update(name=""), seconds=-60))
    heard("gone@host", catalog=app.extensions["tests.catalog"], silent_seconds=70)
    page = signed_in("operator").get(f"/tasks/{NAME}").text
    assert "The workers differ" in page
    assert "It is that of: new@host." in page
    assert "Another version: old@host." in page
    assert "Without this task: without@host." in page
    assert 'name="p-first"' in page
    told = caller("viewer").get(f"/tasks/{NAME}").json
    assert told["known_by"] == {"same": ["new@host"], "other": ["old@host"], "none": ["without@host"]}
    assert "first" in told["parameters"]["properties"]


def test_a_task_that_no_online_worker_knows(app: Flask, heard: Any, signed_in: Any, post: Any) -> None:
    browser = signed_in("operator")
    page = browser.get(f"/tasks/{NAME}").text
    assert "No worker online knows this task" in page
    assert "It is shown as a worker last told of it." in page
    assert 'name="p-' in page  # the form is that of before
    sent = post(browser, f"/tasks/{NAME}/run", {"p-day": "2026-11-22", "start": "now"})
    assert sent.status_code == 303, sent.text
    assert "No worker is online" in browser.get(sent.location).text
    heard("w1@host", catalog=app.extensions["tests.catalog"])
    assert "No worker online knows" not in browser.get(f"/tasks/{NAME}").text


def test_before_any_worker_has_told(app: Flask, signed_in: Any, caller: Any) -> None:
    with transaction() as session:
        for table in (published.AppCatalog, published.AppTask):
            session.query(table).delete()
    published.forget_what_was_read()
    page = signed_in("viewer").get("/tasks").text
    assert "No worker has told of its tasks yet" in page
    assert caller("viewer").get("/tasks").json["items"] == []
    refused = caller("operator").post("/runs", json={"task_name": NAME})
    assert refused.status_code == 422
    assert refused.json["errors"] == {"task_name": [f"There is no task named {NAME}."]}
    part = app.test_client().get("/healthz").json["parts"]["catalog"]
    assert (part["ok"], part["detail"]) == (False, "no worker has told of its tasks yet")
    db.session.remove()
