"""Titles of tabs tell how things stand, on the page and in the part of it that lives."""

from collections.abc import Callable
from datetime import UTC, datetime
from html import unescape
from typing import Any

import pytest
from flask.testing import FlaskClient

from app import runs
from app.clock import utcnow
from tests.rows import make_run

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("state", "title"),
    [
        ("FAILURE", "● Failed – plain 7f3c91ab"),  # noqa: RUF001
        ("SUCCESS", "✓ Succeeded – plain 7f3c91ab"),  # noqa: RUF001
        ("STARTED", "▶ Running – plain 7f3c91ab"),  # noqa: RUF001
        ("PENDING", "○ Waiting – plain 7f3c91ab"),  # noqa: RUF001
    ],
)
def test_a_run_tells_its_state(signed_in: Callable[..., FlaskClient], state: str, title: str) -> None:
    make_run("7f3c91ab-1", NOW, state)
    browser = signed_in("viewer")
    assert f"<title>{title} · Celeriac</title>" in browser.get("/runs/7f3c91ab-1").text
    assert f'data-title="{title}"' in unescape(browser.get("/runs/7f3c91ab-1/live").text)


def test_lists_tell_what_failed_and_waits(signed_in: Callable[..., FlaskClient]) -> None:
    browser = signed_in("viewer")
    assert "<title>Runs · Celeriac</title>" in browser.get("/runs").text
    make_run("bad", utcnow(), "FAILURE")
    make_run("lost", utcnow(), "LOST")
    assert "<title>● 2 failed – Runs · Celeriac</title>" in browser.get("/runs?last=24h").text  # noqa: RUF001
    assert 'data-title="● 2 failed' in browser.get("/runs/table?last=24h").text
    assert "<title>mail · Celeriac</title>" in browser.get("/queues/mail").text
    runs.submit(runs.RunRequest("sample_tasks.plain", [1], queue="mail"), utcnow())
    assert "<title>○ 1 waiting – mail · Celeriac</title>" in browser.get("/queues/mail").text  # noqa: RUF001


def test_first_pages_tell_what_the_sidebar_counts_that_is_wrong(
    signed_in: Callable[..., FlaskClient], post: Any
) -> None:
    browser = signed_in("operator")
    for path, title in {"/": "Overview", "/queues": "Queues", "/runs/failures": "Failures"}.items():
        assert f">{title} · Celeriac</title>" in browser.get(path).text
    run = runs.submit(runs.RunRequest("sample_tasks.plain", [1], queue="mail"), utcnow())
    post(browser, "/queues/mail/hold", {"id": run.id})
    page = browser.get("/queues").text
    assert ">○ 1 held run – Queues · Celeriac</title>" in page  # noqa: RUF001
    assert all(
        text in page for text in ('data-name="Queues" data-counts="queues.index"', 'data-wrong="○ 1 held')
    )
    assert "<title>mail · Celeriac</title>" in browser.get("/queues/mail").text
    now = utcnow()
    make_run("bad", now, "FAILURE", error="KeyError: 1", ended_at=now)
    wrong = "● 1 open kind of failure in 24 h"
    assert f">{wrong} – Failures · Celeriac</title>" in browser.get("/runs/failures").text  # noqa: RUF001
    assert f">{wrong} – Overview · Celeriac</title>" in browser.get("/").text  # noqa: RUF001
