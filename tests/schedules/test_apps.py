"""Schedules of the tasks of several apps: a column and a filter."""

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import celery
import pytest
from flask import Flask

from app.catalog import published
from app.schedules.models import Schedule
from celeriac_agent import tasks

Make = Callable[..., Schedule]


def note() -> None:
    """Their task."""


@pytest.fixture
def three(app: Flask, make: Make, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[Schedule]]:
    """One of our own task, and one each of the tasks of two apps."""
    now = datetime.now(UTC)
    nowhere = dict.fromkeys(("mail", "shop"), "redis://127.0.0.1:1/0")
    monkeypatch.setattr(app.config["SETTINGS"], "brokers", nowhere)
    for name in ("mail", "shop"):
        theirs = celery.Celery(name, broker="redis://127.0.0.1:1/0", set_as_current=False)
        theirs.task(name=f"{name}.note", shared=False)(note)
        told = json.loads(json.dumps({"app": name} | tasks.document(theirs), default=str))
        told["tasks"] = [one for one in told["tasks"] if one["name"] == f"{name}.note"]
        published.take_in(name, tasks.digest(told), told, now)
    published.forget_what_was_read()
    yield [
        make("Ours", now, interval_seconds=60),
        make("Mail", now, task_name="mail.note", args=[], interval_seconds=60),
        make("Shop", now, task_name="shop.note", args=[], interval_seconds=60),
    ]
    published.forget_what_was_read()


def test_the_list_has_a_column_and_a_filter(
    three: list[Schedule], signed_in: Any, caller: Any, post: Any
) -> None:
    browser, rest = signed_in("operator"), caller("viewer")

    def named(**filters: str) -> list[tuple[str, Any]]:
        query = "&".join(f"{name}={value}" for name, value in filters.items())
        found = rest.get(f"/schedules?{query}").json["items"]
        return sorted(
            (one["name"], one["app"]) for one in found if not one["name"].startswith(("Clean", "Back"))
        )

    assert named() == [("Mail", "mail"), ("Ours", None), ("Shop", "shop")]
    assert named(app="shop") == [("Shop", "shop")]
    assert named(app="celeriac") == [("Ours", None)]
    assert named(app="nobody") == []
    page = browser.get("/schedules?app=mail").text
    assert ">Mail<" in page
    assert ">Shop<" not in page
    assert 'class="app-cell dim cut" translate="no" title="mail"' in page
    headings = page[page.index("<thead>") : page.index("</thead>")].count("<th ")
    line = post(
        browser, f"/schedules/{three[1].id}/switch", {"enabled": ""}, headers={"HX-Request": "true"}
    ).text
    assert line.count("<td") == headings
