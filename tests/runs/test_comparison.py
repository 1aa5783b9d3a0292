"""Two runs side by side: arguments, result, log, and the run before."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from app.extensions import db, transaction
from app.runs import Run, comparison, logs
from tests.rows import make_run

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)


def add(name: str, minute: int = 0, task: str = "sample_tasks.plain", **fields: Any) -> Run:
    make_run(name, NOW + timedelta(minutes=minute), fields.pop("state", "SUCCESS"), task_name=task, **fields)
    row = db.session.get(Run, name)
    assert row is not None
    return row


def log(name: str, *texts: str) -> None:
    lines = [[number, 1.0 * number, "INFO", text] for number, text in enumerate(texts, start=1)]
    with transaction():
        logs.keep([{"id": name, "started_at": 1.0, "piece": 0, "lines": lines}])


def test_arguments_meet_by_name_whether_given_by_place_or_not(app: Flask) -> None:
    left = add("one", args=[1, "x"], kwargs={})
    right = add("two", args=[1], kwargs={"b": 2, "c": None})
    found = comparison.compare(left, right, ["a", "b"], ["a"])
    told = [
        (pair.name, pair.left, pair.right, pair.has_left, pair.has_right, pair.same)
        for pair in found.arguments
    ]
    assert told == [
        ("a", 1, 1, True, True, True),
        ("b", "x", 2, True, True, False),
        ("c", None, None, False, True, False),
    ]


@pytest.mark.parametrize(
    ("left", "right", "told"),
    [
        ({"rows": 1, "ok": True}, {"rows": 2, "ok": True}, [("rows", False), ("ok", True)]),
        (1, True, [("", False)]),
        ([1], [1], [("", True)]),
        (None, {"rows": 1}, [("rows", False)]),
        (None, None, []),
    ],
)
def test_results(app: Flask, left: Any, right: Any, told: list[tuple[str, bool]]) -> None:
    found = comparison.compare(add("one", result=left), add("two", result=right))
    assert [(pair.name, pair.same) for pair in found.result] == told


def test_logs_are_laid_beside_each_other_whatever_their_times(app: Flask) -> None:
    left, right = add("one"), add("two")
    log("one", "begin", "3 rows", "end")
    log("two", "begin", "4 rows", "more", "end")
    found = comparison.compare(left, right)
    assert [(step.side, step.text) for step in found.log] == [
        ("both", "begin"),
        ("left", "3 rows"),
        ("right", "4 rows"),
        ("right", "more"),
        ("both", "end"),
    ]
    assert found.whole_logs


def test_of_long_logs_the_beginning_is_compared(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(comparison, "LINES_MOST", 2)
    left, right = add("one"), add("two")
    log("one", "a", "b", "c")
    log("two", "a", "b")
    found = comparison.compare(left, right)
    assert (len(found.log), found.whole_logs) == (2, False)


@pytest.mark.database
def test_the_run_before_is_of_the_same_task_and_app(app: Flask) -> None:
    first, second = add("one", 1), add("two", 2)
    add("other", 3, task="sample_tasks.fail")
    add("theirs", 4, app="shop")
    third = add("three", 5)
    assert comparison.previous(first) is None
    assert [comparison.previous(run).id for run in (second, third)] == ["one", "two"]  # type: ignore[union-attr]


def test_page_and_rest(signed_in: Callable[..., FlaskClient], caller: Callable[[str], Any]) -> None:
    add("one", 1, args=[1], runtime_seconds=2.0)
    add("two", 2, args=[2], runtime_seconds=4.0, state="FAILURE", error="KeyError: 1")
    add("alone", 3, task="sample_tasks.fail")
    browser, api = signed_in("viewer"), caller("viewer")
    page = browser.get("/runs/compare?id=two&id=one").text
    assert page.index('href="/runs/one"') < page.index('href="/runs/two"')
    assert "KeyError: 1" in page
    assert page.count('class="differs"') >= 4
    assert browser.get("/runs/two/compare").location == "/runs/compare?id=one&id=two"
    assert browser.get("/runs/alone/compare").location == "/runs/alone"
    assert "There is no earlier run of this task" in browser.get("/runs/alone").text
    assert 'href="/runs/two/compare"' in browser.get("/runs/two").text
    assert browser.get("/runs/compare?id=two").status_code == 422
    assert browser.get("/runs/compare?id=two&id=gone").status_code == 404
    told = api.get("/runs/two/comparison").json
    assert (told["left"]["id"], told["right"]["id"]) == ("one", "two")
    assert told["arguments"] == [
        {"name": "a", "left": 1, "right": 2, "has_left": True, "has_right": True, "same": False}
    ]
    assert api.get("/runs/two/comparison?with=alone").json["left"]["id"] == "alone"
    assert api.get("/runs/one/comparison").status_code == 404
    assert api.get("/runs/one/comparison?with=").status_code == 422
