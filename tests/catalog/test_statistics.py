"""The numbers of a task on its page and in REST."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from app.clock import utcnow
from app.runs.history import record

SignedIn = Callable[[str], FlaskClient]
TASK = "sample_tasks.resize"


def plain(task: Any, args: Any, kwargs: Any) -> tuple[Any, Any, list[str]]:
    return args, kwargs, []


def ran(number: int, end: str, seconds: float, at: datetime) -> list[dict[str, Any]]:
    start = at.timestamp() - seconds
    base = {"id": f"run-{number}", "task": TASK, "attempt": 0}
    return [
        base | {"type": "sent", "at": start - 2, "queue": "default"},
        base | {"type": "started", "at": start, "worker": "w@h"},
        base | {"type": end, "at": at.timestamp(), "worker": "w@h", "runtime": seconds},
    ]


@pytest.fixture
def history(app: Flask) -> None:
    now = utcnow()
    events = [one for n in range(19) for one in ran(n, "succeeded", 90.0, now - timedelta(hours=1 + n))]
    record([*events, *ran(19, "failed", 0.25, now - timedelta(days=9))], plain)


def test_the_page_shows_a_week(history: None, signed_in: SignedIn) -> None:
    page = signed_in("viewer").get(f"/tasks/{TASK}").text
    assert 'aria-label="19 runs, median 1 min' in page
    assert "100%" in page
    assert f'href="/runs?task_name={TASK}&amp;last=7d"' in page
    assert "It usually takes 1 min" not in page  # a viewer has no form
    assert "It usually takes 1 min" in signed_in("operator").get(f"/tasks/{TASK}").text


@pytest.mark.parametrize(("last", "told"), [("24h", "19 runs, median"), ("30d", "20 runs, 1 failed, median")])
def test_the_part_shows_another_span(history: None, signed_in: SignedIn, last: str, told: str) -> None:
    part = signed_in("viewer").get(f"/tasks/{TASK}/numbers?last={last}").text
    assert part.startswith("<section") or part.lstrip().startswith("<section")
    assert f'aria-label="{told}' in part
    assert 'aria-current="true"' in part


def test_without_runs_it_says_so(app: Flask, signed_in: SignedIn) -> None:
    viewer = signed_in("viewer")
    assert "No run of it ended in this time." in viewer.get(f"/tasks/{TASK}").text
    assert viewer.get("/tasks/no.such.task/numbers").status_code == 404
    wrong = viewer.get(f"/tasks/{TASK}/numbers?last=century").text
    assert "No run of it" in wrong
    assert "century is not allowed. Choose one of: 24h, 7d, 30d." in wrong


def test_rest_answers_the_whole_and_its_intervals(history: None, caller: Any) -> None:
    found = caller("viewer").get(f"/tasks/{TASK}/numbers?last=30d").json
    assert (found["task_name"], found["runs"], found["succeeded"], found["failed"]) == (TASK, 20, 19, 1)
    assert found["success_rate"] == 0.95
    assert found["run_seconds"]["p50"] == pytest.approx(90, rel=0.05)
    assert found["wait_seconds"]["p95"] == pytest.approx(2, rel=0.05)
    assert len(found["intervals"]) == 30
    assert sum(one["runs"] for one in found["intervals"]) == 20
    assert found["intervals"][0]["from"] == found["from"]
    empty = next(one for one in found["intervals"] if not one["runs"])
    assert (empty["success_rate"], empty["run_seconds"]) == (None, {"p50": None, "p95": None})


def test_rest_names_what_is_wrong(app: Flask, caller: Any) -> None:
    answer = caller("viewer").get(f"/tasks/{TASK}/numbers?last=century")
    assert answer.status_code == 422
    assert "last" in answer.json["errors"]
    assert caller("viewer").get("/tasks/no.such.task/numbers").status_code == 404
