"""Recent failures by task and kind of error; the newest run of each task."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from flask import Flask
from flask.testing import FlaskClient

from app import runs
from app.extensions import transaction
from app.runs import states
from app.runs.failures import kind_of
from app.runs.models import Run

pytestmark = pytest.mark.database
NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)


def add(number: int, task_name: str, state: str, error: str | None = None) -> None:
    at = NOW - timedelta(hours=number)
    with transaction() as session:
        session.add(
            Run(
                id=f"r{number}",
                created_at=at,
                updated_at=at,
                task_name=task_name,
                state=state,
                attempt=0,
                error=error,
            )
        )


def test_failures_are_put_together(app: Flask) -> None:
    add(1, "t.a", states.FAILURE, "KeyError: 'x'")
    add(2, "t.a", states.FAILURE, "KeyError: 'y'")
    add(3, "t.a", states.LOST, "WorkerLostError: signal 9")
    add(4, "t.b", states.FAILURE, "KeyError: 'x'")
    add(5, "t.a", states.SUCCESS)
    add(30, "t.a", states.FAILURE, "KeyError: old")
    groups = runs.grouped_failures(NOW - timedelta(hours=24)).groups
    assert [(group.task_name, group.kind, group.count, group.latest.id) for group in groups] == [
        ("t.a", "KeyError", 2, "r1"),
        ("t.a", "WorkerLostError", 1, "r3"),
        ("t.b", "KeyError", 1, "r4"),
    ]


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        ("KeyError: 'x'", "KeyError"),
        ("TimeLimitExceeded(10,)", "TimeLimitExceeded"),
        ("requests.exceptions.ReadTimeout: timed out", "requests.exceptions.ReadTimeout"),
        ("the disk is full", "the disk is full"),
        ("no order 5\nat all", "no order 5"),
        ("", ""),
    ],
)
def test_the_kind_of_an_error(error: str, kind: str) -> None:
    assert kind_of(error) == kind


def test_the_newest_run_of_each_task(app: Flask) -> None:
    add(1, "t.a", states.FAILURE)
    add(2, "t.a", states.SUCCESS)
    add(3, "t.b", states.SUCCESS)
    found = runs.latest(["t.a", "t.b", "t.c"])
    assert {name: run.id for name, run in found.items()} == {"t.a": "r1", "t.b": "r3"}
    assert runs.latest([]) == {}


def test_the_page_shows_the_most_frequent_first_and_the_rest_on_demand(
    app: Flask, signed_in: Callable[[str], FlaskClient]
) -> None:
    now = datetime.now(UTC)
    with transaction() as session:
        for number in range(60):
            for again in range(1 + (number == 59)):
                values = {"task_name": f"t.task{number}", "state": states.FAILURE, "error": "KeyError: 1"}
                at = now - timedelta(minutes=number)
                session.add(Run(id=f"r{number}-{again}", created_at=at, updated_at=at, attempt=0, **values))
    viewer = signed_in("viewer")
    page = viewer.get("/runs/failures").text
    assert page.count('class="mono task-name cut"') == 30
    assert page.index("t.task59") < page.index("t.task0<")
    assert "Show 30 more groups" in page
    whole = viewer.get("/runs/failures?last=24h&all=1").text
    assert whole.count('class="mono task-name cut"') == 60
    assert "more groups" not in whole
